// Package record makes the recorded corpus: it runs a scripted workload on the real parts, through one connector for each format, and
// keeps what the connectors wrote, byte for byte.
//
// The workload is in workload/*.sql, one file for each scenario. Between two scenarios the recorder writes a row to a table of its own and waits
// until every connector has delivered it: everything before it belongs to the scenario that ended. The recorder's own rows are left out.
package record

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dossier/test/stack"
	"dossier/test/stack/corpus"

	"github.com/jackc/pgx/v5"
)

const (
	// patience bounds the wait for one scenario to come through all connectors.
	patience = 2 * time.Minute
	// quietFor is how long nothing may come before a connector counts as quiet.
	quietFor = 2 * time.Second
	// heartbeatEvery is how often connectors send heartbeats in the scenario of that name; elsewhere they send none.
	heartbeatEvery = time.Second

	markerTable = "dossier.recorder_marker"
)

// Parts are those that a recording needs.
func Parts() []stack.Part {
	return []stack.Part{stack.Postgres, stack.Kafka, stack.Connect, stack.Registry}
}

// Run records the workload on a running stack into the directory dir, which then holds a file for each format, and the Avro schemas. Say is
// told of each scenario.
func Run(ctx context.Context, s *stack.Stack, dir string, say func(string)) error {
	script, err := scenarios()
	if err != nil {
		return err
	}
	db, err := s.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	r := &recorder{stack: s, db: db, api: connectAPI{s.ConnectURL()}, say: say, drains: map[corpus.Format]*Drain{},
		records: map[corpus.Format][]corpus.Record{}, sessions: map[string]*pgx.Conn{}}
	err = r.run(ctx, script)
	return errors.Join(err, r.close(), func() error {
		if err != nil {
			return nil
		}
		return r.write(ctx, dir)
	}())
}

type recorder struct {
	stack    *stack.Stack
	db       stack.Database
	api      connectAPI
	say      func(string)
	sessions map[string]*pgx.Conn
	drains   map[corpus.Format]*Drain
	records  map[corpus.Format][]corpus.Record
}

const setup = `
CREATE SCHEMA dossier;
CREATE SCHEMA private;
CREATE TABLE dossier.debezium_heartbeat (slot text PRIMARY KEY, beat timestamptz NOT NULL);
CREATE TABLE dossier.debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
CREATE TABLE ` + markerTable + ` (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, scenario text NOT NULL);
CREATE PUBLICATION ` + publication + ` FOR TABLES IN SCHEMA public, dossier WITH (publish_via_partition_root = true);
`

func (r *recorder) run(ctx context.Context, script []scenario) error {
	main, err := r.session(ctx, "main")
	if err != nil {
		return err
	}
	if _, err := main.Exec(ctx, setup); err != nil {
		return fmt.Errorf("set up the database: %w", err)
	}
	for _, f := range corpus.All() {
		d, err := NewDrain(r.stack.KafkaBrokers(), f.Prefix())
		if err != nil {
			return err
		}
		r.drains[f] = d
	}
	for i, sc := range script {
		began := time.Now()
		if err := r.play(ctx, sc); err != nil {
			return fmt.Errorf("scenario %s: %w", sc.name, err)
		}
		if i == 0 {
			// The first scenario is what is there before the connectors come.
			if err := r.deploy(ctx); err != nil {
				return err
			}
		}
		if err := r.collect(ctx, sc.name); err != nil {
			return fmt.Errorf("scenario %s: %w", sc.name, err)
		}
		n := 0
		for _, records := range r.records {
			for _, rec := range records {
				if rec.Scenario == sc.name {
					n++
				}
			}
		}
		r.say(fmt.Sprintf("recorded %s: %d records, %.1f s", sc.name, n, time.Since(began).Seconds()))
	}
	return nil
}

// session gives the database session of a name, and opens it if need be.
func (r *recorder) session(ctx context.Context, name string) (*pgx.Conn, error) {
	if conn := r.sessions[name]; conn != nil {
		return conn, nil
	}
	conn, err := pgx.Connect(ctx, r.db.DSN)
	if err != nil {
		return nil, err
	}
	r.sessions[name] = conn
	return conn, nil
}

// play runs the steps of a scenario.
func (r *recorder) play(ctx context.Context, sc scenario) error {
	name := "main"
	for _, st := range sc.steps {
		var err error
		switch st.verb {
		case "session":
			name = st.arg
		case "quiet":
			err = r.quiet(ctx, sc.name)
		case "heartbeat":
			err = r.heartbeat(ctx, sc.name)
		case "slow":
			err = r.slow(ctx, sc.name)
		case "crash":
			err = r.crash(ctx, sc.name)
		default:
			var conn *pgx.Conn
			if conn, err = r.session(ctx, name); err == nil {
				_, err = conn.PgConn().Exec(ctx, st.sql).ReadAll()
			}
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", st.line, err)
		}
	}
	return nil
}

// deploy creates the connectors, and waits until their tasks run and their slots exist, so that nothing that follows is missed.
func (r *recorder) deploy(ctx context.Context) error {
	for _, f := range corpus.All() {
		r.say("deploying the connector for " + string(f))
		if err := r.configure(ctx, f, nil); err != nil {
			return err
		}
	}
	return nil
}

// configure puts a format's connector with its usual configuration and some changes, and waits until it runs.
func (r *recorder) configure(ctx context.Context, f corpus.Format, changes map[string]string) error {
	config := connectorConfig(r.stack, r.db, f)
	maps.Copy(config, changes)
	if err := r.api.put(ctx, f.Prefix(), config); err != nil {
		return err
	}
	return r.until(ctx, func() error { return r.api.running(ctx, f.Prefix()) })
}

// until asks again and again until there is no error, but gives up at once on a connector that has failed.
func (r *recorder) until(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready()
		var failed failedError
		if err == nil || errors.As(err, &failed) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// collect marks the end of a scenario, waits until every connector has delivered the mark, and keeps what came before it under the scenario's
// name.
func (r *recorder) collect(ctx context.Context, name string) error {
	conn, err := r.session(ctx, "main")
	if err != nil {
		return err
	}
	var tx string
	err = conn.QueryRow(ctx, "INSERT INTO "+markerTable+" (scenario) VALUES ($1) RETURNING (txid_current() % (2^32)::bigint)::text", name).Scan(&tx)
	if err != nil {
		return fmt.Errorf("write the mark: %w", err)
	}
	for _, f := range corpus.All() {
		ended := false
		keep := func(rec corpus.Record) bool {
			ended = ended || EndOf(f.Prefix(), rec, tx)
			return rec.Topic != f.Prefix()+"."+markerTable && (rec.Topic != f.Prefix()+".transaction" || !ofTransaction(rec, tx))
		}
		err := r.until(ctx, func() error {
			if err := r.take(ctx, f, name, keep); err != nil {
				return err
			}
			if ended {
				return nil
			}
			if err := r.api.running(ctx, f.Prefix()); err != nil {
				return err
			}
			return fmt.Errorf("connector %s has not delivered the mark", f.Prefix())
		})
		if err != nil {
			return err
		}
		// The mark's END may be visible before records of the same Kafka transaction on other partitions are.
		if err := r.until(ctx, func() error { return r.drains[f].Settled(ctx) }); err != nil {
			return err
		}
		if err := r.take(ctx, f, name, keep); err != nil {
			return err
		}
	}
	return nil
}

// take reads what a connector has written, and keeps what is to be kept under the scenario's name.
func (r *recorder) take(ctx context.Context, f corpus.Format, name string, keep func(corpus.Record) bool) error {
	records, err := r.drains[f].Read(ctx)
	if err != nil {
		return err
	}
	for _, rec := range records {
		if keep(rec) {
			rec.Scenario = name
			r.records[f] = append(r.records[f], rec)
		}
	}
	return nil
}

// quiet waits until no connector has written anything for quietFor, and keeps what was written under the scenario's name.
func (r *recorder) quiet(ctx context.Context, name string) error {
	last := time.Now()
	return r.until(ctx, func() error {
		for _, f := range corpus.All() {
			err := r.take(ctx, f, name, func(corpus.Record) bool {
				last = time.Now()
				return true
			})
			if err != nil {
				return err
			}
		}
		if time.Since(last) < quietFor {
			return errors.New("the connectors are still writing")
		}
		return nil
	})
}

// heartbeat lets the connectors send heartbeats until each has sent some, and keeps what was written under the scenario's name.
func (r *recorder) heartbeat(ctx context.Context, name string) error {
	for _, f := range corpus.All() {
		changes := map[string]string{"heartbeat.interval.ms": fmt.Sprint(heartbeatEvery.Milliseconds())}
		// Every connector sees the rows that one of them writes; more would only be more of the same.
		if f == corpus.JSON {
			changes["heartbeat.action.query"] = "INSERT INTO dossier.debezium_heartbeat (slot, beat) VALUES ('" + f.Prefix() +
				"', now()) ON CONFLICT (slot) DO UPDATE SET beat = EXCLUDED.beat"
		}
		if err := r.configure(ctx, f, changes); err != nil {
			return err
		}
	}
	for _, f := range corpus.All() {
		beats := 0
		err := r.until(ctx, func() error {
			err := r.take(ctx, f, name, func(rec corpus.Record) bool {
				if rec.Topic == heartbeatTopic(f.Prefix()) {
					beats++
				}
				return true
			})
			if err == nil && beats < 2 {
				err = fmt.Errorf("connector %s has sent %d heartbeats", f.Prefix(), beats)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.deploy(ctx)
}

// slow lets the connectors deliver in small batches, each a Kafka transaction, with a pause after each.
func (r *recorder) slow(ctx context.Context, name string) error {
	// What was written before is delivered at the usual pace.
	if err := r.quiet(ctx, name); err != nil {
		return err
	}
	for _, f := range corpus.All() {
		err := r.configure(ctx, f, map[string]string{"max.batch.size": "10", "max.queue.size": "20", "poll.interval.ms": "1000"})
		if err != nil {
			return err
		}
	}
	return nil
}

// crash kills Connect when each connector has delivered some batches of what was written last, and starts it again.
func (r *recorder) crash(ctx context.Context, name string) error {
	for _, f := range corpus.All() {
		began := false
		err := r.until(ctx, func() error {
			err := r.take(ctx, f, name, func(corpus.Record) bool {
				began = true
				return true
			})
			if err == nil && !began {
				err = fmt.Errorf("connector %s has delivered nothing yet", f.Prefix())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := r.stack.Kill(stack.Connect); err != nil {
		return err
	}
	if err := r.stack.Restart(ctx, stack.Connect); err != nil {
		return err
	}
	return r.deploy(ctx)
}

// close ends the connectors and drops the database.
func (r *recorder) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for f, d := range r.drains {
		d.Close()
		// A connector that was never deployed is none to delete.
		if len(r.records[f]) > 0 {
			errs = append(errs, r.api.delete(ctx, f.Prefix()))
		}
	}
	for _, conn := range r.sessions {
		errs = append(errs, conn.Close(ctx))
	}
	return errors.Join(append(errs, r.stack.DropDatabase(ctx, r.db))...)
}

// write writes the files.
func (r *recorder) write(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	schemas, err := fetchSchemas(ctx, r.stack.RegistryURL(), schemaIDs(slices.Concat(r.records[corpus.Avro], r.records[corpus.AvroConnect])))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, corpus.SchemasFile), schemas, 0o644); err != nil {
		return err
	}
	for _, f := range corpus.All() {
		if err := corpus.Write(filepath.Join(dir, f.File()), r.records[f]); err != nil {
			return err
		}
	}
	return nil
}

// schemaIDs lists the ids in the wire format of keys and values.
func schemaIDs(records []corpus.Record) []int {
	ids := map[int]bool{}
	for _, r := range records {
		for _, b := range [][]byte{r.Key, r.Value} {
			if len(b) > 5 && b[0] == 0 {
				ids[int(binary.BigEndian.Uint32(b[1:5]))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
