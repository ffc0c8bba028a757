-- A long transaction that began first commits last: its LSNs lie before those of transactions that came out before it. Trap 2.
CREATE TABLE public.ledger (id int PRIMARY KEY, amount numeric(12,2), note text);
ALTER TABLE public.ledger REPLICA IDENTITY FULL;
INSERT INTO public.ledger VALUES (1, 1, 'start'), (2, 2, 'start');
-- session: long
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-long"},"request_id":"r-long"}');
INSERT INTO public.ledger SELECT g, g / 4.0, 'long' FROM generate_series(1000, 1059) g;
UPDATE public.ledger SET note = 'long' WHERE id = 1;
-- session: short
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-short"},"request_id":"r-short"}');
UPDATE public.ledger SET note = 'short' WHERE id = 2;
COMMIT;
-- session: long
UPDATE public.ledger SET amount = 100 WHERE id = 2;
COMMIT;
-- session: short
UPDATE public.ledger SET amount = 101 WHERE id = 2;
