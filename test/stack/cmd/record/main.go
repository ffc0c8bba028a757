// Command record runs the workload of package test/stack/record on the real parts and writes what the connectors made of it, the
// recorded corpus that the decoders are tested with.
//
//	go run ./test/stack/cmd/record
package main

import (
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
)

func main() {
	dir := flag.String("o", filepath.Join("schema", "testdata", "corpus"), "the `directory` to write to")
	keep := flag.Bool("keep-logs", false, "leave the parts' logs when they end")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "record: takes no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, keepLogs bool) (err error) {
	say := func(line string) { fmt.Fprintln(os.Stderr, line) }
	s, err := stack.Start(ctx, stack.Options{Parts: record.Parts(), Progress: say, KeepLogs: keepLogs})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := record.Run(ctx, s, dir, say); err != nil {
		if keepLogs {
			say("logs in " + s.LogDir())
		}
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
