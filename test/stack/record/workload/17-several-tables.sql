-- Several tables in one transaction, with counts per collection in its END; nothing changed at all in another. Traps 3, 4.
BEGIN;
SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u-several"},"request_id":"r-several"}');
INSERT INTO public.supplier VALUES (9, 'Westend');
INSERT INTO public.product VALUES (20, 9, 'desk', 199.99, now());
INSERT INTO public.product VALUES (21, 9, 'drawer', 49.99, NULL);
UPDATE public.supplier SET name = 'Westend GmbH' WHERE id = 9;
DELETE FROM public.product WHERE id = 2;
COMMIT;
