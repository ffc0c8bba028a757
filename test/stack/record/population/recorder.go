package population

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/connectors"
	"dossier/internal/demo"
	"dossier/test/stack"
	"dossier/test/stack/corpus"
	"dossier/test/stack/record"
)

const (
	// source is the connector's topic.prefix, and the database's name.
	source = "registry"
	// Placeholder stands for a large value that the log does not have.
	Placeholder = "unchanged-1f0c6d0e"
	// patience bounds each wait.
	patience = 2 * time.Minute
)

//go:embed tables.sql
var tablesSQL string

//go:embed truth.sql
var truthSQL string

// Parts are those that a recording needs.
func Parts() []stack.Part { return []stack.Part{stack.Postgres, stack.Kafka, stack.Connect} }

// Run records the year on a running stack into the directory of package internal/demo. It tells say of each step.
func Run(ctx context.Context, s *stack.Stack, dir string, say func(string)) (err error) {
	conn, err := database(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	site := &site{conn: conn}
	y := newYear(site)
	baseline := y.baseline()
	for _, t := range baseline {
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"public", t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("baseline of %s: %w", t.name, err)
		}
	}
	for _, sql := range []string{truthSQL, "ALTER TABLE public." + partial + " REPLICA IDENTITY DEFAULT"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("the truth's triggers: %w", err)
		}
	}
	say("deploying the connector")
	if err := deploy(ctx, s, conn); err != nil {
		return err
	}
	if err := y.run(ctx, func(done, of int) { say(fmt.Sprintf("%d of %d steps of the year", done, of)) }); err != nil {
		return err
	}
	say("waiting for the connector")
	records, err := drained(ctx, s, strconv.FormatUint(site.last().id&0xffffffff, 10))
	if err != nil {
		return err
	}
	return write(ctx, conn, dir, site, baseline, records, say)
}

// database makes the registry's database and puts its tables under audit by the shipped script.
func database(ctx context.Context, s *stack.Stack) (*pgx.Conn, error) {
	admin, err := pgx.Connect(ctx, s.PostgresDSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+source); err != nil {
		return nil, fmt.Errorf("%w; record on a stack of its own", err)
	}
	conn, err := pgx.Connect(ctx, s.PostgresDSN(source))
	if err != nil {
		return nil, err
	}
	script, ok := connectors.ShippedFile("postgres-setup")
	if !ok {
		return nil, errors.Join(errors.New("no postgres-setup is shipped"), conn.Close(ctx))
	}
	for _, sql := range []string{tablesSQL, string(script), "SELECT dossier.capture_schema('public')"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, errors.Join(fmt.Errorf("set up the database: %w", err), conn.Close(ctx))
		}
	}
	return conn, nil
}

// deploy deploys the shipped connector, and returns when it has taken the baseline and reads the log.
func deploy(ctx context.Context, s *stack.Stack, conn *pgx.Conn) error {
	content, ok := connectors.ShippedFile("postgres-json")
	if !ok {
		return errors.New("no postgres-json is shipped")
	}
	var file struct {
		Name   string            `json:"name"`
		Config map[string]string `json:"config"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return err
	}
	// Heartbeats tell when it was recorded, and nothing of the year.
	delete(file.Config, "heartbeat.interval.ms")
	delete(file.Config, "heartbeat.action.query")
	content, err := json.Marshal(file)
	if err != nil {
		return err
	}
	db := s.DatabaseForConnect(source) // in containers it is not the address that is used from here
	values := map[string]string{
		"DOSSIER_SOURCE": source, "DOSSIER_DB_HOST": db["database.hostname"], "DOSSIER_DB_PORT": db["database.port"], "DOSSIER_DB_NAME": source, "DOSSIER_DB_PASSWORD": "unused",
		"DOSSIER_DB_SSLMODE": "disable", "DOSSIER_UNAVAILABLE_PLACEHOLDER": Placeholder, "DOSSIER_REPLICATION": "1", "DOSSIER_PARTITIONS": "2",
	}
	connector, err := connectors.Parse("postgres-json.json", content, func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	})
	if err != nil {
		return err
	}
	client, err := connectors.NewClient(s.ConnectURL())
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := client.Apply(limit, connector); err != nil {
		return err
	}
	return until(ctx, func() error {
		var streaming bool
		if err := conn.QueryRow(ctx, "SELECT coalesce(bool_or(active), false) FROM pg_replication_slots WHERE database = $1", source).Scan(&streaming); err != nil {
			return err
		}
		if !streaming {
			return errors.New("the connector does not read the log yet")
		}
		return nil
	})
}

// drained returns what the connector has written up to the end of a transaction.
func drained(ctx context.Context, s *stack.Stack, tx string) ([]corpus.Record, error) {
	drain, err := record.NewDrain(s.KafkaBrokers(), source)
	if err != nil {
		return nil, err
	}
	defer drain.Close()
	var all []corpus.Record
	read := func() error {
		records, err := drain.Read(ctx)
		all = append(all, records...)
		return err
	}
	err = until(ctx, func() error {
		from := len(all)
		if err := read(); err != nil {
			return err
		}
		for _, r := range all[from:] {
			if record.EndOf(source, r, tx) {
				return nil
			}
		}
		return fmt.Errorf("%d records, and not the end of transaction %s", len(all), tx)
	})
	if err != nil {
		return nil, err
	}
	// The END may be visible before records of the same Kafka transaction on other partitions are.
	if err := until(ctx, func() error { return drain.Settled(ctx) }); err != nil {
		return nil, err
	}
	return all, read()
}

func until(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// write writes the corpus, the notes and the totals.
func write(ctx context.Context, conn *pgx.Conn, dir string, s *site, baseline []table, recorded []corpus.Record, say func(string)) error {
	shifter, err := newShifter(s.transactions)
	if err != nil {
		return err
	}
	records, err := shifter.shift(recorded)
	if err != nil {
		return err
	}
	notes, err := readTruth(ctx, conn, s.transactions)
	if err != nil {
		return err
	}
	records = demo.Merge(records, s.sent)
	var zipped, truth bytes.Buffer
	if err := demo.WriteCorpus(&zipped, records); err != nil {
		return err
	}
	encoder := json.NewEncoder(&truth)
	for _, n := range notes {
		if err := encoder.Encode(n); err != nil {
			return err
		}
	}
	rows := 0
	for _, t := range baseline {
		rows += len(t.rows)
	}
	totals, err := json.MarshalIndent(total(rows, notes, s), "", "  ")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"corpus/records.jsonl.gz": zipped.Bytes(), "corpus/totals.json": append(totals, '\n'), "testdata/truth.jsonl": truth.Bytes()} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		say(fmt.Sprintf("%s: %d kB", path, len(content)/1000))
	}
	say(fmt.Sprintf("%d records, %d transactions", len(records), len(notes)))
	return nil
}
