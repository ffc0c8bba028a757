-- A partitioned table is published under its own name; a row that moves to another partition is a delete and an insert.
CREATE TABLE public.reading (id int, day date, value double precision, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE public.reading_2025 PARTITION OF public.reading FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE public.reading_2026 PARTITION OF public.reading FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
ALTER TABLE public.reading_2025 REPLICA IDENTITY FULL;
ALTER TABLE public.reading_2026 REPLICA IDENTITY FULL;
ALTER TABLE public.reading REPLICA IDENTITY FULL;
INSERT INTO public.reading VALUES (1, '2025-12-31', 1.5), (2, '2026-01-01', 2.5);
UPDATE public.reading SET value = 3.5 WHERE id = 1;
UPDATE public.reading SET day = '2026-01-02' WHERE id = 1;
