-- What Dossier needs of a PostgreSQL database (15 or newer) before a connector starts. Run it once, in the database to be
-- audited, as a superuser; running it again changes nothing:
--
--   psql -v ON_ERROR_STOP=1 -d shop -f postgres-setup.sql
--   psql -d shop -c '\password dossier_capture'
--   psql -d shop -c "SELECT dossier.capture_schema('public')"
--
-- The last line chooses what is audited; dossier.capture('public.product') does so for one table. Tables made later join by
-- calling it again: `dossier connectors validate --database` names those that are missing. What the connector is told of it, by
-- the variable DOSSIER_TABLES, is what dossier.include_list() says.

DO $$
BEGIN
  IF current_setting('wal_level') <> 'logical' THEN
    RAISE EXCEPTION 'wal_level is %, logical decoding needs "logical"', current_setting('wal_level')
      USING HINT = 'ALTER SYSTEM SET wal_level = logical; then restart the server.';
  END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS dossier;
COMMENT ON SCHEMA dossier IS 'Audit trail: what change capture writes to and reads from.';

-- The connector's role: it may stream the log, read what is captured, and write to the two tables below. It owns nothing, so
-- it can neither widen the publication nor change a table. It has no password until an administrator sets one.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossier_capture') THEN
    CREATE ROLE dossier_capture LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS CONNECTION LIMIT 8;
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO dossier_capture', current_database());
END $$;
GRANT USAGE ON SCHEMA dossier TO dossier_capture;

-- A heartbeat moves the slot's confirmed position forward while the captured tables are quiet and others are not; without it
-- the server keeps write-ahead log until the disk is full. One row for each slot.
CREATE TABLE IF NOT EXISTS dossier.debezium_heartbeat (
  slot text PRIMARY KEY,
  beat timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON dossier.debezium_heartbeat TO dossier_capture;

-- Signals to the connector, such as a new baseline of one table. The connector brackets each chunk of an incremental
-- snapshot with rows of its own here. The columns are those that Debezium expects, in this order.
CREATE TABLE IF NOT EXISTS dossier.debezium_signal (
  id   varchar(42) PRIMARY KEY,
  type varchar(32) NOT NULL,
  data varchar(2048)
);
GRANT SELECT, INSERT, DELETE ON dossier.debezium_signal TO dossier_capture;

-- Named tables, never FOR ALL TABLES: that would stream every table, temporary work and other applications' secrets included.
-- Partitions are published under the name of their parent, so that one table stays one entity type.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'dossier') THEN
    CREATE PUBLICATION dossier FOR TABLE dossier.debezium_heartbeat, dossier.debezium_signal
      WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
  END IF;
END $$;

-- capture puts one table under audit. REPLICA IDENTITY FULL comes first: it puts the whole previous row into the log, without
-- which an update shows no previous values; and a published table that has neither it nor a primary key refuses UPDATE and
-- DELETE. The ALTER TABLE waits for a short exclusive lock, at most as long as lock_timeout.
CREATE OR REPLACE FUNCTION dossier.capture(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  part regclass;
BEGIN
  FOR part IN
    SELECT c.oid FROM pg_class c
    WHERE (c.oid = target OR c.oid IN (SELECT relid FROM pg_partition_tree(target))) AND c.relkind IN ('r', 'p') AND c.relreplident <> 'f'
  LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', part);
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                 WHERE p.pubname = 'dossier' AND r.prrelid = target) THEN
    EXECUTE format('ALTER PUBLICATION dossier ADD TABLE %s', target);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %s TO dossier_capture', (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = target));
  EXECUTE format('GRANT SELECT ON %s TO dossier_capture', target);
END $$;
COMMENT ON FUNCTION dossier.capture(regclass) IS 'Puts one table, with its partitions, under audit.';

-- capture_schema puts all ordinary and partitioned tables of a schema under audit and tells how many there are. Tables that
-- belong to an extension, unlogged and temporary tables are left out: the first are not the application's, the others never
-- reach the log.
CREATE OR REPLACE FUNCTION dossier.capture_schema(target text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tab regclass;
  captured integer := 0;
BEGIN
  IF to_regnamespace(quote_ident(target)) IS NULL THEN
    RAISE EXCEPTION 'schema "%" does not exist in database "%"', target, current_database();
  END IF;
  FOR tab IN
    SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(target)) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.oid
  LOOP
    PERFORM dossier.capture(tab);
    captured := captured + 1;
  END LOOP;
  RETURN captured;
END $$;
COMMENT ON FUNCTION dossier.capture_schema(text) IS 'Puts all tables of a schema under audit.';

-- include_list gives the published tables in the form of the connector's table.include.list, for DOSSIER_TABLES. It names
-- partitioned tables without their partitions, whose rows would otherwise stand twice in the baseline.
CREATE OR REPLACE FUNCTION dossier.include_list() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(regexp_replace(schemaname || '.' || tablename, '([.$^*+?()\[\]{}|\\,])', '\\\1', 'g'), ',' ORDER BY schemaname, tablename)
  FROM pg_publication_tables
  WHERE pubname = 'dossier' AND schemaname <> 'dossier'
$$;
COMMENT ON FUNCTION dossier.include_list() IS 'The published tables, for the connector''s table.include.list.';

-- A context table (public.request_context in the shipped settings) is captured like any other table:
--   SELECT dossier.capture('public.request_context');
