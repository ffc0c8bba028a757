-- Names that need quotes: with a dot, a blank, a percent sign, capitals, of reserved words; letters beyond ASCII in a column that is no key, in a key, and in a
-- table's name.
CREATE TABLE public."dotted.name" ("select" int PRIMARY KEY, "Mixed Case" text, "per%cent" text);
INSERT INTO public."dotted.name" VALUES (1, 'a', 'b');
UPDATE public."dotted.name" SET "Mixed Case" = 'c';
CREATE TABLE public.street (id int PRIMARY KEY, "straße" text);
INSERT INTO public.street VALUES (1, 'Hauptstraße');
CREATE TABLE public.schluessel ("schlüssel" int PRIMARY KEY, note text);
INSERT INTO public.schluessel VALUES (1, 'key beyond ASCII');
UPDATE public.schluessel SET note = 'changed';
CREATE TABLE public."Größe" (id int PRIMARY KEY, note text);
INSERT INTO public."Größe" VALUES (1, 'table beyond ASCII');
