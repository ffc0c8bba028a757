-- A second snapshot of two tables, which blocks the stream while it is taken, with changes before and after it. Trap 11.
UPDATE public.supplier SET name = 'Nordwind AG' WHERE id = 7;
INSERT INTO dossier.debezium_signal VALUES ('again', 'execute-snapshot', '{"data-collections": ["public.supplier", "public.product"], "type": "BLOCKING"}');
-- quiet
UPDATE public.supplier SET name = 'Nordwind SE' WHERE id = 7;
