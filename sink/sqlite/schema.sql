-- One row for each version document: what follows from it, to find it by. What a document lacks is NULL, which takes one byte.
CREATE TABLE document (
  seq             INTEGER PRIMARY KEY, -- the full-text index's key; says nothing of the order of changes
  id              TEXT    NOT NULL,    -- the document's identity, together with index_name
  index_name      TEXT    NOT NULL,    -- scope and month, such as dossier-default-v1-2026.11
  revision        INTEGER NOT NULL,    -- 1, and one more with each replacement
  hash            TEXT    NOT NULL,    -- event.hash
  -- What documents are ordered by.
  time            INTEGER NOT NULL,    -- commit time, in nanoseconds since 1970
  position        BLOB    NOT NULL,    -- sorts in commit order: packed, see position.go
  event_id        TEXT    NOT NULL,
  kind            TEXT    NOT NULL,
  field           TEXT,                -- of a field change
  scope           TEXT    NOT NULL,
  action          TEXT,
  -- The context.
  context         TEXT,                -- attached, late, unattributed, ambiguous
  route           TEXT,
  initiator       TEXT,
  reason          TEXT,
  user_id         TEXT,
  user_name       TEXT,
  user_email      TEXT,
  on_behalf_of    TEXT,
  account         TEXT,
  service         TEXT,
  request_id      TEXT,
  correlation_id  TEXT,
  trace_id        TEXT,
  ip              BLOB,                -- only where it is an address: the 16 bytes of IPv6, and IPv4 as ::ffff:0:0/96
  -- What it concerns.
  version_name    TEXT,
  version_id      TEXT,
  entity_type     TEXT,
  entity_id       TEXT,
  next_id         TEXT,
  previous_id     TEXT,
  parent_type     TEXT,
  parent_id       TEXT,
  fields          TEXT,                -- the names of changed fields, as JSON strings, with the character 31 before, between and behind them
  -- A field change's values, in the forms for search.
  previous_state  TEXT,
  current_state   TEXT,
  previous_exact  TEXT,
  current_exact   TEXT,
  previous_number REAL,
  current_number  REAL,
  previous_date   TEXT,                -- in UTC, to the nanosecond, without zeros at the end: sorts as times do
  "current_date"  TEXT,
  -- Feedback.
  application     TEXT,
  status          TEXT,
  feedback_event  TEXT,
  -- Where it comes from.
  source          TEXT,
  table_schema    TEXT,
  table_name      TEXT,
  tx_id           INTEGER,             -- the 64 bits as they are: above 2^63 it shows as negative
  UNIQUE (id, index_name)
) STRICT;

-- The documents, whole and exact: everything else follows from them. They stand apart so that what is looked through lies close together.
CREATE TABLE document_json (
  seq  INTEGER PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

-- An entity's history and its state at a time; its versions in commit order; where its life or its key changed; its fields' changes in commit order; its named versions.
CREATE INDEX document_by_entity         ON document (entity_id, entity_type, kind, time, position, fields);
CREATE INDEX document_by_commit         ON document (entity_id, entity_type, position, time) WHERE kind = 'row_version';
CREATE INDEX document_by_turn           ON document (entity_id, entity_type, time, position) WHERE kind = 'row_version' AND action IN ('create', 'delete', 'rekey', 'snapshot');
CREATE INDEX document_by_entity_field   ON document (entity_id, entity_type, field, position, time) WHERE field IS NOT NULL;
CREATE INDEX document_by_entity_version ON document (entity_id, entity_type, version_name, time, position, kind) WHERE version_name IS NOT NULL AND kind <> 'field_change';
CREATE INDEX document_by_truncate       ON document (entity_type, time, position) WHERE kind = 'truncate';
-- What belongs to something: newest first, and by entity.
CREATE INDEX document_by_parent         ON document (parent_id, parent_type, time, position) WHERE parent_id IS NOT NULL;
CREATE INDEX document_by_parent_entity  ON document (parent_id, parent_type, entity_type, entity_id, time, kind) WHERE parent_id IS NOT NULL AND kind <> 'field_change';
CREATE INDEX document_by_version        ON document (version_name, time, position, kind, version_id, scope) WHERE version_name IS NOT NULL;
CREATE INDEX document_by_version_entity ON document (version_name, entity_type, entity_id, time, kind, version_id) WHERE version_name IS NOT NULL AND kind <> 'field_change';
-- Identifiers.
CREATE INDEX document_by_event          ON document (event_id);
CREATE INDEX document_by_feedback       ON document (feedback_event) WHERE feedback_event IS NOT NULL;
CREATE INDEX document_by_transaction    ON document (tx_id, source, kind, position, time) WHERE tx_id IS NOT NULL;
CREATE INDEX document_by_request        ON document (request_id, time, position) WHERE request_id IS NOT NULL;
CREATE INDEX document_by_correlation    ON document (correlation_id, time, position) WHERE correlation_id IS NOT NULL;
CREATE INDEX document_by_trace          ON document (trace_id, time, position) WHERE trace_id IS NOT NULL;
-- Lists, newest first. Kind and scope stand in them so that what is not wanted is passed over without a look at the table.
CREATE INDEX document_by_time           ON document (time, position, kind, scope);
CREATE INDEX document_by_type           ON document (entity_type, time, position, kind);
CREATE INDEX document_by_field          ON document (field, time, position) WHERE field IS NOT NULL;
CREATE INDEX document_by_user           ON document (user_id, time, position, kind) WHERE user_id IS NOT NULL;
CREATE INDEX document_by_user_name      ON document (user_name, time, position, kind) WHERE user_name IS NOT NULL;
CREATE INDEX document_by_user_email     ON document (user_email, time, position, kind) WHERE user_email IS NOT NULL;
CREATE INDEX document_by_action         ON document (action, time, position) WHERE action IS NOT NULL AND kind <> 'field_change';
CREATE INDEX document_by_finding        ON document (context, time, position, kind) WHERE context <> 'attached';
CREATE INDEX document_by_ip             ON document (ip, time) WHERE ip IS NOT NULL;
CREATE INDEX document_by_rare_kind      ON document (kind, time, position) WHERE kind NOT IN ('row_version', 'field_change');

-- The words of changed values and of feedback's messages, as query.Words has them; rowid is document.seq. The text itself is not kept a second time.
CREATE VIRTUAL TABLE document_text USING fts5 (
  previous, current, message, content = '', contentless_delete = 1, tokenize = 'ascii'
);
