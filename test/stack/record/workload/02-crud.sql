-- One row's life in three transactions: create, update, delete, tombstone. Traps 3, 9.
INSERT INTO public.product VALUES (10, 7, 'shelf', 10.00, '2026-05-06 07:08:09+02');
UPDATE public.product SET price = 12.50, name = 'wide shelf' WHERE id = 10;
UPDATE public.product SET price = price WHERE id = 10;
DELETE FROM public.product WHERE id = 10;
