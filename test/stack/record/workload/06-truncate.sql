-- op t: null key; one table, and two tables with one statement. Trap 13.
CREATE TABLE public.bin_a (id int PRIMARY KEY, note text);
CREATE TABLE public.bin_b (id int PRIMARY KEY, a int REFERENCES public.bin_a);
INSERT INTO public.bin_a VALUES (1, 'one'), (2, 'two');
INSERT INTO public.bin_b VALUES (1, 1);
TRUNCATE public.bin_b;
INSERT INTO public.bin_b VALUES (2, 2);
TRUNCATE public.bin_a RESTART IDENTITY CASCADE;
