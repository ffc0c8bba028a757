package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite"
)

// TestRunIntoSQLite runs both roles in one process: a change stands in the file, a backup that is made meanwhile holds it too, and a signal ends both.
func TestRunIntoSQLite(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "dossier.db")
	path, client := fakeKafka(t, `
sources: [{name: shop, format: json}]
context: {grace: 200ms}
serve: {listen: 127.0.0.1:0}
sink: {sqlite: {path: "`+file+`"}}
`)
	code, _, errs := invoke(t, "run", "--role", "sink", "--config", path)
	if code != exitFailed || !strings.Contains(errs, file) || !strings.Contains(errs, `run "dossier setup"`) {
		t.Errorf("run without setup: %d %s", code, errs)
	}
	code, out, errs := invoke(t, "setup", "--config", path, "--dry-run")
	if code != 0 || !strings.Contains(out, "would create file "+file) {
		t.Errorf("dry run: %d %s%s", code, out, errs)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a dry run made the file")
	}
	if code, out, errs = invoke(t, "setup", "--config", path); code != 0 || !strings.Contains(out, "\ncreate file "+file) {
		t.Errorf("setup: %d %s%s", code, out, errs)
	}
	code, out, errs = invoke(t, "setup", "--config", path, "--json")
	var result setupResult
	if err := json.Unmarshal([]byte(out), &result); code != 0 || err != nil || len(result.Store) != 1 || result.Store[0].Action != "keep" {
		t.Errorf("repeated: %d %s%s", code, out, errs)
	}

	change := &kgo.Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: fmt.Appendf(nil, changeEvent, time.Now().UnixMilli())}
	if err := client.ProduceSync(t.Context(), change).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log output
	root := newRootCommand()
	root.SetErr(&log)
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"run", "--config", path}, &log) }()
	rows := func(file string) (n int, err error) {
		db, err := sql.Open("sqlite", file)
		if err != nil {
			return 0, err
		}
		defer db.Close()
		return n, db.QueryRow("SELECT count(*) FROM document WHERE kind = 'row_version' AND entity_type = 'public.product' AND entity_id = '1'").Scan(&n)
	}
	eventually(t, func() error {
		if n, err := rows(file); n != 1 {
			return fmt.Errorf("%d row versions, %v\n%s", n, err, &log)
		}
		return nil
	})
	backup := filepath.Join(directory, "backup.db")
	if code, out, errs = invoke(t, "backup", backup, "--config", path); code != 0 || !strings.Contains(out, backup) {
		t.Errorf("backup: %d %s%s", code, out, errs)
	}
	if n, err := rows(backup); n != 1 {
		t.Errorf("%d row versions in the backup, %v", n, err)
	}
	if code, _, errs = invoke(t, "backup", backup, "--config", path); code != exitFailed || !strings.Contains(errs, "exists already") {
		t.Errorf("backup onto a file: %d %s", code, errs)
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("ended with %d\n%s", code, &log)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("does not end\n%s", &log)
	}
	if _, err := os.Stat(file + "-wal"); err == nil {
		t.Error("the store was not closed: its write-ahead log is still there")
	}
}

func TestBackupNeedsSQLite(t *testing.T) {
	path := writeConfig(t, goodConfig)
	if code, _, errs := invoke(t, "backup", "x.db", "--config", path); code != exitMisuse || !strings.Contains(errs, "sink.sqlite") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := invoke(t, "backup", "--config", path); code != exitMisuse {
		t.Errorf("%d %s", code, errs)
	}
}
