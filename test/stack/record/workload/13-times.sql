-- Times of all types and precisions, with infinities and dates before our era. Trap 17.
CREATE TABLE public.times (id int PRIMARY KEY, ts timestamp, ts0 timestamp(0), ts3 timestamp(3), tstz timestamptz, tstz0 timestamptz(0), tstz3 timestamptz(3), d date, t time, t0 time(0), t3 time(3), ttz timetz, span interval);
ALTER TABLE public.times REPLICA IDENTITY FULL;
INSERT INTO public.times VALUES (1, '2026-11-23 02:43:54.384552', '2026-11-23 02:43:54', '2026-11-23 02:43:54.384', '2026-11-23 02:43:54.384552+02', '2026-11-23 02:43:54+02', '2026-11-23 02:43:54.384+02', '2026-11-23', '02:43:54.384552', '02:43:54', '02:43:54.384', '02:43:54.384552+05:30', '1 year 2 months 3 days 04:05:06.789');
INSERT INTO public.times VALUES (2, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', '24:00:00', '24:00:00', '24:00:00', '24:00:00-12', '-178000000 years');
INSERT INTO public.times VALUES (3, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '00:00:00', '00:00:00', '00:00:00', '00:00:00+00', '-00:00:00.000001');
INSERT INTO public.times VALUES (4, '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999+00', '1969-12-31 23:59:59+00', '1969-12-31 23:59:59.999+00', '1969-12-31', '23:59:59.999999', '23:59:59', '23:59:59.999', '23:59:59.999999-00', '0');
INSERT INTO public.times VALUES (5, '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC', '0044-03-15 BC', '12:00', '12:00', '12:00', '12:00+01', '1 mon');
INSERT INTO public.times VALUES (6, '12345-06-07 08:09:10.5', '12345-06-07 08:09:10', '12345-06-07 08:09:10.5', '12345-06-07 08:09:10.5+00', '12345-06-07 08:09:10+00', '12345-06-07 08:09:10.5+00', '12345-06-07', '08:09:10.5', '08:09:10', '08:09:10.5', '08:09:10.5+14', '-1 days +01:00:00');
INSERT INTO public.times (id) VALUES (7);
UPDATE public.times SET ts = '1970-01-01', d = '1970-01-01', tstz = '1970-01-01+00', t = '00:00', span = '1 day' WHERE id = 7;
UPDATE public.times SET ts = NULL, d = NULL WHERE id = 1;
