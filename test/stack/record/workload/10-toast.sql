-- Values out of line that an update does not change arrive as a placeholder whose form depends on the type. Trap 6.
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TABLE public.document (id int PRIMARY KEY, title text, body text, raw bytea, tags text[], numbers int[], bigs bigint[], ids uuid[], stamps timestamptz[], attributes jsonb, plain json, pairs hstore, amounts numeric[], note varchar);
ALTER TABLE public.document ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL, ALTER tags SET STORAGE EXTERNAL, ALTER numbers SET STORAGE EXTERNAL, ALTER bigs SET STORAGE EXTERNAL, ALTER ids SET STORAGE EXTERNAL, ALTER stamps SET STORAGE EXTERNAL, ALTER attributes SET STORAGE EXTERNAL, ALTER plain SET STORAGE EXTERNAL, ALTER pairs SET STORAGE EXTERNAL, ALTER amounts SET STORAGE EXTERNAL;
CREATE TABLE public.document_full (LIKE public.document INCLUDING ALL);
ALTER TABLE public.document_full REPLICA IDENTITY FULL;
INSERT INTO public.document SELECT 1, 'first', repeat('text ', 450), decode(repeat('00ff', 1100), 'hex'), array_fill('tag'::text, ARRAY[300]), array_fill(7, ARRAY[520]), array_fill(9007199254740993, ARRAY[270]), array_fill('6b1f0c1e-2d3a-4b5c-8d7e-9f0a1b2c3d4e'::uuid, ARRAY[130]), array_fill('2026-01-02 03:04:05.678901+00'::timestamptz, ARRAY[270]), jsonb_build_object('k', repeat('j', 2100)), json_build_object('k', repeat('j', 2100)), hstore('k', repeat('h', 2100)), array_fill(1.50::numeric, ARRAY[270]), 'short';
INSERT INTO public.document_full SELECT * FROM public.document;
UPDATE public.document SET title = 'only the title' WHERE id = 1;
UPDATE public.document_full SET title = 'only the title' WHERE id = 1;
UPDATE public.document SET body = repeat('new ', 600) WHERE id = 1;
UPDATE public.document_full SET body = repeat('new ', 600) WHERE id = 1;
UPDATE public.document SET body = NULL, raw = NULL, tags = NULL, numbers = NULL, bigs = NULL, ids = NULL, stamps = NULL, attributes = NULL, plain = NULL, pairs = NULL, amounts = NULL WHERE id = 1;
DELETE FROM public.document WHERE id = 1;
DELETE FROM public.document_full WHERE id = 1;
