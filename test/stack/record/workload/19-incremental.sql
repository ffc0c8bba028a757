-- An incremental snapshot in chunks, with live changes between its reads, and the signal table's own rows. Traps 11, 12.
CREATE TABLE public.stock (id int PRIMARY KEY, amount int);
ALTER TABLE public.stock REPLICA IDENTITY FULL;
INSERT INTO public.stock SELECT g, g FROM generate_series(1, 25) g;
INSERT INTO dossier.debezium_signal VALUES ('baseline-of-stock', 'execute-snapshot', '{"data-collections": ["public.stock"], "type": "INCREMENTAL"}');
UPDATE public.stock SET amount = amount + 100 WHERE id IN (3, 13, 23);
DELETE FROM public.stock WHERE id = 20;
INSERT INTO public.stock VALUES (26, 26);
-- quiet
