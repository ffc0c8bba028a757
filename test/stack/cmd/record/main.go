// Command record runs a workload on the real parts and writes what the connectors made of it: that of package test/stack/record, the
// recorded corpus that the decoders are tested with; or that of test/stack/record/population, the year that `dossier demo` plays.
//
//	go run ./test/stack/cmd/record
//	go run ./test/stack/cmd/record demo
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"dossier/test/stack"
	"dossier/test/stack/corpus"
	"dossier/test/stack/record"
	"dossier/test/stack/record/population"
)

func main() {
	dir := flag.String("o", "", "the `directory` to write to, if not the workload's own")
	keep := flag.Bool("keep-logs", false, "leave the parts' logs when they end")
	flag.Parse()
	job := decoders
	switch {
	case flag.NArg() == 1 && flag.Arg(0) == "demo":
		job = year
	case flag.NArg() > 0:
		fmt.Fprintln(os.Stderr, "record: takes no argument but demo")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, job, cmp.Or(*dir, job.dir), *keep); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// job is one workload.
type job struct {
	dir    string
	parts  []stack.Part
	record func(ctx context.Context, s *stack.Stack, dir string, say func(string)) error
}

var (
	decoders = job{filepath.Join("schema", "testdata", "corpus"), record.Parts(), scenarios}
	year     = job{filepath.Join("internal", "demo"), population.Parts(), population.Run}
)

func run(ctx context.Context, j job, dir string, keepLogs bool) (err error) {
	say := func(line string) { fmt.Fprintln(os.Stderr, line) }
	s, err := stack.Start(ctx, stack.Options{Parts: j.parts, Progress: say, KeepLogs: keepLogs})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	err = j.record(ctx, s, dir, say)
	if err != nil && keepLogs {
		say("logs in " + s.LogDir())
	}
	return err
}

// scenarios records the decoders' corpus, and tells how large its files are.
func scenarios(ctx context.Context, s *stack.Stack, dir string, say func(string)) error {
	if err := record.Run(ctx, s, dir, say); err != nil {
		return err
	}
	for _, f := range corpus.All() {
		path := filepath.Join(dir, f.File())
		records, err := corpus.Read(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("%s: %d records, %d kB", path, len(records), info.Size()/1000))
	}
	return nil
}
