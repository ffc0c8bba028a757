-- The registry's database. Times stand in columns that the applications fill; nothing here asks the server's clock.

CREATE TABLE public.household (
  id           int PRIMARY KEY,
  street       text NOT NULL,
  postcode     text NOT NULL,
  municipality text NOT NULL,
  confirmed    date,
  updated_at   timestamptz NOT NULL
);

CREATE TABLE public.person (
  id          int PRIMARY KEY,
  given_name  text NOT NULL,
  family_name text NOT NULL,
  ssn         text,
  born        date NOT NULL,
  died        date,
  phone       text,
  updated_at  timestamptz NOT NULL
);

CREATE TABLE public.household_member (
  household_id int NOT NULL REFERENCES public.household (id),
  person_id    int NOT NULL REFERENCES public.person (id) ON UPDATE CASCADE ON DELETE CASCADE,
  relation     text NOT NULL,
  since        date NOT NULL,
  PRIMARY KEY (household_id, person_id)
);

CREATE TABLE public.programme (
  code           text PRIMARY KEY,
  name           text NOT NULL,
  monthly_amount numeric(12, 2) NOT NULL,
  open           boolean NOT NULL
);

CREATE TABLE public.enrolment (
  id             int PRIMARY KEY,
  person_id      int NOT NULL REFERENCES public.person (id) ON UPDATE CASCADE,
  programme_code text NOT NULL REFERENCES public.programme (code),
  status         text NOT NULL,
  amount         numeric(12, 2) NOT NULL,
  account        text NOT NULL,
  since          date NOT NULL,
  until          date
);

CREATE TABLE public.payment (
  id           int PRIMARY KEY,
  enrolment_id int NOT NULL REFERENCES public.enrolment (id),
  person_id    int NOT NULL REFERENCES public.person (id) ON UPDATE CASCADE,
  period       text NOT NULL,
  amount       numeric(12, 2) NOT NULL,
  account      text NOT NULL,
  status       text NOT NULL,
  due          date NOT NULL,
  settled_at   timestamptz
);

CREATE TABLE public.survey_response (
  id             int PRIMARY KEY,
  person_id      int NOT NULL REFERENCES public.person (id) ON UPDATE CASCADE,
  survey_name    text NOT NULL,
  household_size int NOT NULL,
  income         numeric(10, 2),
  employed       boolean,
  answers        jsonb NOT NULL,
  updated_by     text,
  request_id     text
);

-- Letters and certificates. Their text is large: it lies out of line, and an update that leaves it alone does not carry it.
CREATE TABLE public.document (
  id         int PRIMARY KEY,
  person_id  int NOT NULL REFERENCES public.person (id) ON UPDATE CASCADE,
  title      text NOT NULL,
  status     text NOT NULL,
  body       text NOT NULL,
  updated_at timestamptz NOT NULL
);
ALTER TABLE public.document ALTER COLUMN body SET STORAGE EXTERNAL;

-- Where files of other authorities are loaded, checked and emptied again.
CREATE TABLE public.import_person (
  line        int PRIMARY KEY,
  given_name  text NOT NULL,
  family_name text NOT NULL,
  born        date NOT NULL,
  municipality text NOT NULL
);
