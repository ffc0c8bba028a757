-- A changed primary key comes as delete, tombstone, create, with headers that name the other key. Trap 10.
CREATE TABLE public.person (id int PRIMARY KEY, name text);
ALTER TABLE public.person REPLICA IDENTITY FULL;
CREATE TABLE public.membership (household int, person int, role text, PRIMARY KEY (household, person));
INSERT INTO public.person VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO public.membership VALUES (1, 1, 'head'), (1, 2, 'child');
UPDATE public.person SET id = 100 WHERE id = 1;
UPDATE public.person SET id = 200, name = 'Grace H.' WHERE id = 2;
UPDATE public.membership SET household = 2 WHERE person = 2;
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-rekey"},"request_id":"r-rekey"}');
UPDATE public.person SET id = id + 1000;
COMMIT;
