package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// databaseRun is what pgbench and the server told of a run.
type databaseRun struct {
	PerSecond    float64 `json:"transactions_per_second"`
	Transactions int     `json:"transactions"`
	// MeanMilliseconds is of a transaction, as its client saw it.
	MeanMilliseconds float64 `json:"mean_milliseconds"`
	LogBytes         float64 `json:"log_bytes_per_transaction"`
	// BehindSeconds is how long the reader of the log still read after the last transaction.
	BehindSeconds float64            `json:"behind_seconds"`
	Cores         map[string]float64 `json:"cores,omitempty"` // busy, by process
}

// errNoPgbench says that the machine cannot run this part.
var errNoPgbench = errors.New("pgbench is not on this machine: it comes with PostgreSQL's programs (on Debian: apt-get install postgresql)")

// findPgbench returns the newest pgbench.
func findPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/pgbench", "/usr/pgsql-*/bin/pgbench", "/opt/homebrew/opt/postgresql@*/bin/pgbench"} {
		matches, _ := filepath.Glob(pattern)
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return "", errNoPgbench
	}
	return slices.Max(found), nil
}

// command is pgbench on the database.
func (d *database) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, d.program, append(args, d.made.DSN)...)
}

// pgbench runs a variant's transactions for some seconds.
func (d *database) pgbench(ctx context.Context, v variant, seconds int) (databaseRun, error) {
	cmd := d.command(ctx, "-n", "-M", "simple", "-c", strconv.Itoa(d.settings.clients), "-j", "1", "-T", strconv.Itoa(seconds), "-f", d.script(v.context))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return databaseRun{}, fmt.Errorf("pgbench: %w\n%s", err, tail(string(out), 10))
	}
	run, err := parsePgbench(string(out))
	if err == nil {
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		run.Cores = map[string]float64{"pgbench": cpu.Seconds() / float64(seconds)}
	}
	return run, err
}

// timed is the run that counts, with what it left in the log and what it took of the processors.
func (d *database) timed(ctx context.Context, v variant) (databaseRun, error) {
	from, err := d.position(ctx)
	if err != nil {
		return databaseRun{}, err
	}
	began, before := time.Now(), processSeconds(nil)
	run, err := d.pgbench(ctx, v, d.settings.seconds)
	if err != nil {
		return run, err
	}
	after, took := processSeconds(nil), time.Since(began).Seconds()
	to, err := d.position(ctx)
	if err != nil {
		return run, err
	}
	run.LogBytes = (to - from) / float64(run.Transactions)
	for name, seconds := range after {
		run.Cores[name] = (seconds - before[name]) / took
	}
	return run, nil
}

var (
	pgbenchDone   = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
	pgbenchFailed = regexp.MustCompile(`(?m)^number of failed transactions: (\d+)`)
	pgbenchMean   = regexp.MustCompile(`(?m)^latency average = ([\d.]+) ms`)
	pgbenchRate   = regexp.MustCompile(`(?m)^tps = ([\d.]+) \(without initial connection time\)`)
)

// parsePgbench reads what pgbench says at its end.
func parsePgbench(text string) (databaseRun, error) {
	var faults []error
	number := func(what *regexp.Regexp) float64 {
		match := what.FindStringSubmatch(text)
		if match == nil {
			faults = append(faults, fmt.Errorf("pgbench did not say %s", what))
			return 0
		}
		n, err := strconv.ParseFloat(match[1], 64)
		faults = append(faults, err)
		return n
	}
	run := databaseRun{Transactions: int(number(pgbenchDone)), PerSecond: number(pgbenchRate), MeanMilliseconds: number(pgbenchMean)}
	if failed := pgbenchFailed.FindStringSubmatch(text); failed != nil && failed[1] != "0" {
		faults = append(faults, fmt.Errorf("%s transactions failed", failed[1]))
	}
	if run.Transactions == 0 {
		faults = append(faults, errors.New("no transaction was done"))
	}
	if err := errors.Join(faults...); err != nil {
		return databaseRun{}, fmt.Errorf("%w\n%s", err, tail(text, 20))
	}
	return run, nil
}
