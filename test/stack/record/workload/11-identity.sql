-- What before holds with each replica identity: nothing, the key, the columns of an index, the row. Trap 7.
CREATE TABLE public.identity_default (id int PRIMARY KEY, a text, b text);
CREATE TABLE public.identity_full (id int PRIMARY KEY, a text, b text);
ALTER TABLE public.identity_full REPLICA IDENTITY FULL;
CREATE TABLE public.identity_index (id int PRIMARY KEY, a text NOT NULL UNIQUE, b text);
ALTER TABLE public.identity_index REPLICA IDENTITY USING INDEX identity_index_a_key;
INSERT INTO public.identity_default VALUES (1, 'a', 'b'), (2, NULL, NULL);
INSERT INTO public.identity_full VALUES (1, 'a', 'b'), (2, NULL, NULL);
INSERT INTO public.identity_index VALUES (1, 'a', 'b'), (2, 'aa', NULL);
UPDATE public.identity_default SET b = 'bb' WHERE id = 1;
UPDATE public.identity_full SET b = 'bb' WHERE id = 1;
UPDATE public.identity_index SET b = 'bb' WHERE id = 1;
UPDATE public.identity_default SET id = 3 WHERE id = 2;
UPDATE public.identity_full SET id = 3 WHERE id = 2;
UPDATE public.identity_index SET a = 'aaa' WHERE id = 2;
DELETE FROM public.identity_default WHERE id = 1;
DELETE FROM public.identity_full WHERE id = 1;
DELETE FROM public.identity_index WHERE id = 1;
