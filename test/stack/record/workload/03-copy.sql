-- Rows of one COPY share an LSN, with a key and without one, equal rows included. Trap 1.
CREATE TABLE public.copied (id int PRIMARY KEY, name text);
ALTER TABLE public.copied REPLICA IDENTITY FULL;
CREATE TABLE public.copied_keyless (a int, b text);
ALTER TABLE public.copied_keyless REPLICA IDENTITY FULL;
COPY public.copied FROM PROGRAM 'printf "1,one\n2,two\n3,three\n4,four\n5,five\n"' WITH (FORMAT csv);
COPY public.copied_keyless FROM PROGRAM 'printf "1,same\n1,same\n1,same\n2,other\n"' WITH (FORMAT csv);
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-copy"},"correlation_id":"r-copy"}');
COPY public.copied FROM PROGRAM 'printf "6,six\n7,seven\n"' WITH (FORMAT csv);
INSERT INTO public.copied VALUES (8, 'eight'), (9, 'nine');
COMMIT;
