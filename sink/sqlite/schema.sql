-- One row for each version document.
CREATE TABLE document (
  seq            INTEGER PRIMARY KEY, -- the full-text index's key; says nothing of the order of changes
  id             TEXT    NOT NULL,    -- the document's identity, together with index_name
  index_name     TEXT    NOT NULL,    -- scope and month, such as dossier-default-v1-2026.11
  revision       INTEGER NOT NULL,    -- 1, and one more with each replacement
  hash           TEXT    NOT NULL,    -- event.hash
  kind           TEXT    NOT NULL,
  time           INTEGER NOT NULL,    -- commit time, in nanoseconds since 1970
  scope          TEXT    NOT NULL,
  event_id       TEXT    NOT NULL,
  action         TEXT    NOT NULL,
  context        TEXT,                -- attached, late, unattributed, ambiguous
  initiator      TEXT,
  user_id        TEXT,
  user_name      TEXT,
  on_behalf_of   TEXT,
  request_id     TEXT,
  correlation_id TEXT,
  trace_id       TEXT,
  ip             TEXT,                -- only where it is an address
  version_name   TEXT,
  entity_type    TEXT    NOT NULL,
  entity_id      TEXT    NOT NULL,
  parent_type    TEXT,
  parent_id      TEXT,
  field          TEXT,                -- of a field change
  source         TEXT    NOT NULL,
  table_schema   TEXT,
  table_name     TEXT,
  tx_id          INTEGER,             -- the 64 bits as they are: above 2^63 it shows as negative
  position       TEXT    NOT NULL,    -- sorts in commit order
  json           TEXT    NOT NULL,    -- the document, whole and exact: everything else follows from it
  UNIQUE (id, index_name)
) STRICT;

CREATE INDEX document_by_entity      ON document (entity_type, entity_id, kind, time, position);
CREATE INDEX document_by_time        ON document (time, position);
CREATE INDEX document_by_event       ON document (event_id);
CREATE INDEX document_by_transaction ON document (source, tx_id, position)      WHERE tx_id IS NOT NULL;
CREATE INDEX document_by_parent      ON document (parent_type, parent_id, time) WHERE parent_id IS NOT NULL;
CREATE INDEX document_by_field       ON document (field, time)                  WHERE field IS NOT NULL;
CREATE INDEX document_by_user        ON document (user_id, time)                WHERE user_id IS NOT NULL;
CREATE INDEX document_by_request     ON document (request_id, time)             WHERE request_id IS NOT NULL;
CREATE INDEX document_by_correlation ON document (correlation_id, time)         WHERE correlation_id IS NOT NULL;
CREATE INDEX document_by_version     ON document (version_name, time)           WHERE version_name IS NOT NULL;

-- The words of changed values; rowid is document.seq. The text itself is not kept a second time.
CREATE VIRTUAL TABLE document_text USING fts5 (
  previous, current, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
