-- What was done, written down by triggers in the same transactions. Not captured: the connector sees the schema public alone.

CREATE SCHEMA truth;

CREATE TABLE truth.change (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tx  bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint,
  tab text NOT NULL,
  op  text NOT NULL,
  old jsonb,
  new jsonb
);

CREATE FUNCTION truth.record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO truth.change (tab, op, old, new) VALUES (TG_TABLE_NAME, lower(left(TG_OP, 1)),
    CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN to_jsonb(OLD) END, CASE WHEN TG_OP IN ('INSERT', 'UPDATE') THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;

DO $$
DECLARE
  target regclass;
BEGIN
  FOR target IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('CREATE TRIGGER truth_row AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION truth.record()', target);
    EXECUTE format('CREATE TRIGGER truth_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION truth.record()', target);
  END LOOP;
END $$;
