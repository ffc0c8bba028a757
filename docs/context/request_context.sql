-- The context table: an application says who asks for a transaction by inserting one row in that same transaction.
-- Run it as the owner of the schema; it may be run again.
--
-- The names are those of the request context, with the parts of the user flattened. All but the two of the table itself are
-- optional. Dossier reads the row from the write-ahead log, not from the table, so nothing here needs a trigger or an index
-- for Dossier's sake.

create table if not exists public.request_context (
    id              bigint generated always as identity primary key,
    transaction_id  bigint,       -- need not be given: the row lies in its transaction
    correlation_id  text,
    request_id      text,
    trace_id        text,
    user_id         text,
    user_name       text,
    user_email      text,
    user_account_id text,
    user_roles      text[],
    on_behalf_of    text,
    initiator       text,         -- user or system
    service         text,
    ip              text,         -- not inet: a context that is odd must not fail the transaction that it describes
    user_agent      text,
    reason          text,
    version_name    text,
    "timestamp"     timestamptz,
    extra           jsonb,
    recorded_at     timestamptz not null default now()
);

-- For retention alone: rows come in order of time, so a BRIN index of a few pages finds the old ones.
create index if not exists request_context_recorded_at on public.request_context using brin (recorded_at);

comment on table public.request_context is
    'Who asked for the transaction in which the row was inserted; read by Dossier from the write-ahead log';

-- Least rights. Writers may insert, and nothing else: not read other users' contexts, not alter or remove one, not set the
-- row's number or the time at which it was recorded.
do $$
begin
    if not exists (select from pg_roles where rolname = 'request_context_writer') then
        create role request_context_writer nologin;
    end if;
end
$$;

revoke all on public.request_context from public;
grant usage on schema public to request_context_writer;
grant insert (transaction_id, correlation_id, request_id, trace_id, user_id, user_name, user_email, user_account_id,
    user_roles, on_behalf_of, initiator, service, ip, user_agent, reason, version_name, "timestamp", extra)
    on public.request_context to request_context_writer;

-- Then, for each application's role:
--   grant request_context_writer to shop_app;
