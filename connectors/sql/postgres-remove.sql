-- Ends the capture of a PostgreSQL database, after the connector was deleted: a slot that nobody reads keeps write-ahead log
-- until the disk is full. Changes made after this are not audited. REPLICA IDENTITY FULL stays on the tables: only their
-- owner knows what they had before.
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'dossier' AND database = current_database() AND NOT active;
DROP PUBLICATION IF EXISTS dossier;
DROP FUNCTION IF EXISTS dossier.include_list();
DROP FUNCTION IF EXISTS dossier.capture_schema(text);
DROP FUNCTION IF EXISTS dossier.capture(regclass);
DROP TABLE IF EXISTS dossier.debezium_heartbeat, dossier.debezium_signal;
DROP SCHEMA IF EXISTS dossier;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossier_capture') THEN
    EXECUTE 'DROP OWNED BY dossier_capture'; -- its grants in this database; it owns nothing
  END IF;
END $$;
-- Once no other database of the server is captured: DROP ROLE dossier_capture;
