-- Numbers at the edges of their types; decimals with a scale, without one, negative, huge, zero. Trap 16, and integers beyond 2^53.
CREATE TABLE public.numbers (id int PRIMARY KEY, small smallint, whole int, big bigint, money numeric(10,2), rate numeric(38,18), free numeric, integral numeric(20,0), single real, double double precision, price money, with_default numeric(6,4) NOT NULL DEFAULT 4.5);
ALTER TABLE public.numbers REPLICA IDENTITY FULL;
INSERT INTO public.numbers VALUES (1, -32768, -2147483648, -9223372036854775808, -99999999.99, -12345678901234567890.123456789012345678, -123456789012345678901234567890.0000000001, -99999999999999999999, -3.4028235e38, -1.7976931348623157e308, -12.34);
INSERT INTO public.numbers VALUES (2, 32767, 2147483647, 9223372036854775807, 99999999.99, 0.000000000000000001, 1e-30, 99999999999999999999, 1.17549435e-38, 5e-324, 12.34);
INSERT INTO public.numbers VALUES (3, 0, 0, 9007199254740993, 0.00, 0, 0, 0, 0.1, 0.1, 0);
INSERT INTO public.numbers VALUES (4, 1, 1, 9007199254740992, 3.00, 1.5, 100, 1, -0.0, -0.0, 1);
INSERT INTO public.numbers VALUES (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
UPDATE public.numbers SET big = 9007199254740993, money = 99.50, free = 1.50 WHERE id = 4;
UPDATE public.numbers SET free = 1.500 WHERE id = 4;
CREATE TABLE public.big_key (id bigint PRIMARY KEY, note text);
INSERT INTO public.big_key VALUES (9007199254740992, 'even'), (9007199254740993, 'odd');
UPDATE public.big_key SET note = 'odd one' WHERE id = 9007199254740993;
CREATE TABLE public.decimal_key (id numeric(12,3) PRIMARY KEY, note text);
INSERT INTO public.decimal_key VALUES (1.500, 'one and a half'), (-2.000, 'minus two');
UPDATE public.decimal_key SET note = 'changed' WHERE id = 1.5;
