-- The ground truth of the end-to-end tests: triggers write down each row change in its own transaction, so that what is rolled back is
-- not there either. Not captured: the publication has the tables of the schema public alone.

CREATE SCHEMA truth;

CREATE TABLE truth.change (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- per row of a table: the order of commits, since writers of a row wait for each other
    tx      xid8   NOT NULL DEFAULT pg_current_xact_id(),
    tab     text   NOT NULL,
    op      text   NOT NULL,
    key     jsonb  NOT NULL, -- names of the primary key's columns, in its order
    old     jsonb,           -- [[column, type, text], …]; a generated column is in no change event, so not here either
    new     jsonb,
    context jsonb            -- what the test driver says about who does it: see the type who
);

CREATE FUNCTION truth.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog SET datestyle = 'ISO, YMD' SET timezone = 'UTC' SET bytea_output = 'hex' SET extra_float_digits = 1
    SET intervalstyle = 'iso_8601' AS $$
DECLARE
    columns text;
    keys    jsonb;
    old_row jsonb;
    new_row jsonb;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        -- The columns as they are now: ALTER TABLE may have changed them in this very transaction. concat gives what a type prints, where a
        -- cast to text adds (inet) or takes away (char).
        SELECT string_agg(CASE WHEN t.typcategory = 'A'
                   THEN format('jsonb_build_array(%L, %L, to_json(($1).%I)::text)', a.attname, format_type(a.atttypid, NULL), a.attname)
                   ELSE format('jsonb_build_array(%L, %L, CASE WHEN num_nonnulls(($1).%I) = 1 THEN concat(($1).%3$I) END)', a.attname, format_type(a.atttypid, NULL), a.attname)
               END, ', ' ORDER BY a.attnum)
          INTO columns
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
        IF TG_OP <> 'INSERT' THEN
            EXECUTE 'SELECT jsonb_build_array(' || columns || ')' INTO old_row USING OLD;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            EXECUTE 'SELECT jsonb_build_array(' || columns || ')' INTO new_row USING NEW;
        END IF;
    END IF;
    SELECT coalesce(jsonb_agg(a.attname ORDER BY k.n), '[]')
      INTO keys
      FROM pg_index i CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = TG_RELID AND i.indisprimary;
    INSERT INTO truth.change (tab, op, key, old, new, context)
    VALUES (TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, lower(left(TG_OP, 1)), keys, old_row, new_row,
            nullif(current_setting('truth.context', true), '')::jsonb);
    RETURN NULL;
END $$;

CREATE FUNCTION truth.watch(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER truth_row AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION truth.record()', target);
    EXECUTE format('CREATE TRIGGER truth_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION truth.record()', target);
END $$;
