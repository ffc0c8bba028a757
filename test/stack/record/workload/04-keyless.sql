-- A table without a primary key: null keys; update and delete by the full old row, two of them alike. Trap 8.
CREATE TABLE public.keyless (a int, b text);
ALTER TABLE public.keyless REPLICA IDENTITY FULL;
INSERT INTO public.keyless VALUES (1, 'x'), (1, 'x'), (2, NULL);
UPDATE public.keyless SET b = 'y' WHERE a = 2;
DELETE FROM public.keyless WHERE a = 1;
