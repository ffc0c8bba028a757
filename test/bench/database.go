package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// databaseSettings say how to press the database.
type databaseSettings struct {
	runs    int
	clients int // connections that update rows at once
	scale   int // of pgbench: so many times 100,000 rows
	seconds int // of a run
	single  bool
}

// databasePart measures what capture costs the database.
func databasePart() part {
	var s databaseSettings
	return part{
		name: "database", about: "single-row updates by pgbench: with capture, beside no audit and beside an audit table written by a trigger",
		needs: []stack.Part{stack.Postgres},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.clients, "clients", 8, "database: connections that update rows at once")
			f.IntVar(&s.scale, "scale", 10, "database: so many times 100,000 rows")
			f.IntVar(&s.seconds, "seconds", 5, "database: how long a run is")
			f.BoolVar(&s.single, "single", false, "database: a transaction is one round trip, without BEGIN and END of its own")
		},
		validate: func() error { return s.validate() },
		run: func(ctx context.Context, b *bench) (section, error) {
			s.runs = b.runs
			return measureDatabase(ctx, b, s)
		},
	}
}

func (s databaseSettings) validate() error {
	return errors.Join(atLeastOne([]count{{"clients", s.clients}, {"scale", s.scale}, {"seconds", s.seconds}})...)
}

func (s databaseSettings) rows() int { return s.scale * 100_000 }

// variant is one way to keep, or not to keep, what was changed.
type variant struct {
	name, about string
	walLevel    string
	prepare     []string // SQL, before each run
	restore     []string // SQL, after it
	captured    bool     // the table is published, and a slot holds its changes
	unread      bool     // nothing reads the slot during the run
	context     contextRoute
	trigger     bool
}

// contextRoute says how a transaction's context is sent.
type contextRoute int

const (
	noContext contextRoute = iota
	contextWithBegin
	contextApart // in a statement of its own, and so in a round trip of its own
)

// The variants, the one without audit first.
const (
	variantNone = "none"
	variantFull = "full"
)

// identify and forget set how much of the previous row the log holds.
const (
	identify = "ALTER TABLE pgbench_accounts REPLICA IDENTITY FULL"
	forget   = "ALTER TABLE pgbench_accounts REPLICA IDENTITY DEFAULT"
)

func databaseVariants() []variant {
	return []variant{
		{name: variantNone, about: "no audit, wal_level=replica", walLevel: "replica"},
		{name: "trigger", about: "a trigger writes both rows as JSON into an audit table", walLevel: "replica", trigger: true,
			prepare: []string{auditTable, auditTrigger}, restore: []string{"DROP TRIGGER audit ON pgbench_accounts", "DROP TABLE audit"}},
		{name: "key", about: "capture, REPLICA IDENTITY DEFAULT", walLevel: "logical", captured: true, prepare: []string{forget}},
		{name: variantFull, about: "capture, REPLICA IDENTITY FULL", walLevel: "logical", captured: true, prepare: []string{identify}},
		{name: "context", about: "the same with a context in the round trip of BEGIN", walLevel: "logical", captured: true, prepare: []string{identify}, context: contextWithBegin},
		{name: "context-apart", about: "the same with the context as a statement of its own", walLevel: "logical", captured: true, prepare: []string{identify}, context: contextApart},
		{name: "unread", about: "as context, the log read only afterwards", walLevel: "logical", captured: true, unread: true, prepare: []string{identify}, context: contextWithBegin},
	}
}

// auditTable is what audits without capture write: the changed row before and after, when and by whom.
const auditTable = `CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, relation text NOT NULL, operation text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(), txid bigint NOT NULL DEFAULT txid_current(), who text NOT NULL DEFAULT session_user, previous jsonb, current jsonb)`

const auditTrigger = `CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit (relation, operation, previous, current) VALUES (TG_RELID::regclass::text, TG_OP,
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pgbench_accounts FOR EACH ROW EXECUTE FUNCTION audit()`

// databaseWarmUp is how long a run's clients work before they are measured, in seconds.
const databaseWarmUp = 1

// measureDatabase lets the variants take turns, in rounds that go there and back, so that neither drift nor order is in favour of one.
func measureDatabase(ctx context.Context, b *bench, s databaseSettings) (*databaseReport, error) {
	d, err := openDatabase(ctx, b, s)
	if err != nil {
		return nil, err
	}
	defer d.close()
	variants := databaseVariants()
	measured := map[string][]databaseRun{}
	for round := range s.runs + 1 {
		order := slices.Clone(variants)
		if round%2 == 0 {
			slices.Reverse(order)
		}
		for _, v := range order {
			got, err := d.measure(ctx, v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			if round == 0 {
				b.show.say("%-13s warm-up   %7s transactions/s", v.name, thousands(got.PerSecond))
				continue
			}
			measured[v.name] = append(measured[v.name], got)
			b.show.say("%-13s %2d of %2d  %7s transactions/s, %.0f bytes of log each", v.name, round, s.runs, thousands(got.PerSecond), got.LogBytes)
		}
	}
	r := &databaseReport{}
	if r.Settings, err = d.describe(ctx); err != nil {
		return nil, err
	}
	for _, v := range variants {
		r.Variants = append(r.Variants, variantReport{Name: v.name, About: v.about, Runs: measured[v.name]})
	}
	r.summarize()
	return r, nil
}

// measure does one run of a variant, and checks what it left.
func (d *database) measure(ctx context.Context, v variant) (run databaseRun, err error) {
	if err := d.walLevel(ctx, v.walLevel); err != nil {
		return run, err
	}
	if err := d.prepare(ctx, v); err != nil {
		return run, err
	}
	var reader *logReader
	if v.captured {
		if err := d.execute(ctx, "SELECT pg_create_logical_replication_slot('"+benchSlot+"', 'pgoutput')"); err != nil {
			return run, err
		}
		if !v.unread {
			reader = d.read(ctx)
			defer reader.close()
		}
	}
	balance, err := d.balance(ctx)
	if err != nil {
		return run, err
	}
	warm, err := d.pgbench(ctx, v, databaseWarmUp)
	if err != nil {
		return run, err
	}
	if run, err = d.timed(ctx, v); err != nil {
		return run, err
	}
	began := time.Now()
	if v.unread {
		reader = d.read(ctx)
		defer reader.close()
	}
	done := warm.Transactions + run.Transactions
	if reader != nil {
		contexts := 0
		if v.context != noContext {
			contexts = done
		}
		if err := reader.wait(ctx, done, contexts); err != nil {
			return run, fmt.Errorf("wrong result: %w", err)
		}
		if !v.unread {
			run.BehindSeconds = time.Since(began).Seconds()
		}
		reader.close()
	}
	if err := d.check(ctx, v, balance, done); err != nil {
		return run, fmt.Errorf("wrong result: %w", err)
	}
	return run, d.restore(ctx, v)
}
