-- Numbers that are none: NaN and infinities, of floating point and of decimals; negative zero; arrays of arrays. Trap 16.
CREATE TABLE public.odd_numbers (id int PRIMARY KEY, single real, double double precision, free numeric, money numeric(10,2), grid int[][]);
ALTER TABLE public.odd_numbers REPLICA IDENTITY FULL;
INSERT INTO public.odd_numbers VALUES (1, 'NaN', 'NaN', NULL, NULL, NULL);
INSERT INTO public.odd_numbers VALUES (2, 'Infinity', '-Infinity', NULL, NULL, NULL);
INSERT INTO public.odd_numbers VALUES (3, '-0', '-0', NULL, NULL, NULL);
INSERT INTO public.odd_numbers VALUES (4, NULL, NULL, 'NaN', 'NaN', NULL);
INSERT INTO public.odd_numbers VALUES (5, NULL, NULL, NULL, NULL, '{{1,2},{3,4}}');
