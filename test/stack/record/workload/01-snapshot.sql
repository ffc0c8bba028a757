-- The baseline: rows that are there before the connector starts (source.snapshot first, true, last; op r). Trap 11.
CREATE TABLE public.supplier (id int PRIMARY KEY, name text NOT NULL);
ALTER TABLE public.supplier REPLICA IDENTITY FULL;
INSERT INTO public.supplier VALUES (7, 'Nordwind'), (8, 'Südkreuz');
CREATE TABLE public.product (id int PRIMARY KEY, supplier_id int REFERENCES public.supplier, name text NOT NULL, price numeric(10,2), made timestamptz);
ALTER TABLE public.product REPLICA IDENTITY FULL;
INSERT INTO public.product VALUES (1, 7, 'lamp', 1.50, '2026-01-02 03:04:05.678901+00'), (2, 8, 'chair', NULL, NULL), (3, NULL, 'table', -0.01, 'infinity');
CREATE TABLE public.empty_at_start (id int PRIMARY KEY, note text);
