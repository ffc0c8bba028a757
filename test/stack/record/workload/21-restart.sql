-- Connect is killed while it delivers a transaction, and started again: what was delivered but not committed is aborted in Kafka, BEGIN
-- may come again, total_order starts anew. Traps 4, 19.
CREATE TABLE public.bulk (id int PRIMARY KEY, n int);
ALTER TABLE public.bulk REPLICA IDENTITY FULL;
-- slow
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-bulk"},"request_id":"r-bulk"}');
INSERT INTO public.bulk SELECT g, g FROM generate_series(1, 120) g;
COMMIT;
-- crash
INSERT INTO public.bulk VALUES (1000, 1);
