-- Logical decoding messages: transactional before, between and after the changes, not transactional, not JSON, of another prefix, binary, empty,
-- and alone in their transaction. Traps 1, 4, 14, 21.
CREATE TABLE public.noted (id int PRIMARY KEY, note text);
ALTER TABLE public.noted REPLICA IDENTITY FULL;
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u1","name":"Ünïcode \"quoted\"","roles":["admin","editor"]},"request_id":"r-1","ip":"192.0.2.1","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0","extra":{"n":9007199254740993}}');
INSERT INTO public.noted VALUES (1, 'before');
COMMIT;
BEGIN;
INSERT INTO public.noted VALUES (2, 'context comes after');
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u2"},"request_id":"r-2"}');
COMMIT;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u3"},"request_id":"r-3-alone"}');
SELECT pg_logical_emit_message(false, 'dossier.context', '{"user":{"id":"u4"},"request_id":"r-4-not-transactional"}');
SELECT pg_logical_emit_message(true, 'other.prefix', 'not for us');
SELECT pg_logical_emit_message(true, 'dossier.context', 'no json at all');
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":"of a wrong type"}');
SELECT pg_logical_emit_message(true, 'dossier.context', '');
SELECT pg_logical_emit_message(true, 'dossier.context', '\x00ff00fe'::bytea);
BEGIN;
INSERT INTO public.noted VALUES (3, 'a message not transactional within');
SELECT pg_logical_emit_message(false, 'dossier.context', '{"user":{"id":"u5"},"request_id":"r-5"}');
ROLLBACK;
