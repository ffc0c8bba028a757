package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"dossier/sink"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// busyTimeout bounds how long SQLite itself waits for another process's lock, before the caller is told that the store waits.
const busyTimeout = 2 * time.Second

// connect opens the file with a number of connections. It must exist: SQLite never creates it, as a mistyped path or a volume that is not mounted
// would then begin an empty trail without a word.
func connect(path string, connections int, parameters url.Values) (*sql.DB, error) {
	if parameters == nil {
		parameters = url.Values{}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	parameters.Set("mode", "rw")
	parameters.Set("_busy_timeout", strconv.FormatInt(busyTimeout.Milliseconds(), 10))
	parameters.Set("_defensive", "1")
	parameters.Set("_dqs", "0")
	parameters.Set("_error_rc", "1")
	name := url.URL{Path: filepath.ToSlash(absolute)}
	db, err := sql.Open("sqlite", "file:"+name.EscapedPath()+"?"+parameters.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// connectWriter opens the one connection that writes. A commit is on the disk, not merely in the system's memory, before it is acknowledged.
func connectWriter(path string) (*sql.DB, error) {
	return connect(path, 1, url.Values{
		"_txlock":      {"immediate"},
		"_synchronous": {"FULL"},
		// 16 MiB of pages in memory; a write-ahead log that a backup had held up is cut to 64 MiB afterwards.
		"_pragma": {"cache_size(-16384)", "journal_size_limit(67108864)"},
	})
}

// connectReaders opens connections that only read.
func connectReaders(path string, connections int) (*sql.DB, error) {
	return connect(path, connections, url.Values{"_query_only": {"1"}, "_pragma": {"cache_size(-4096)"}})
}

// exists looks for the file.
func exists(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(`%s: the file does not exist; run "dossier setup", which creates it, or mount the volume that holds it`, path)
	}
	return info, err
}

// inspectStore refuses a file that is no store this release knows.
func inspectStore(ctx context.Context, db *sql.DB, path string) error {
	l, err := inspect(ctx, db, path)
	if err != nil {
		return explain(path, err)
	}
	if l.empty {
		return fmt.Errorf(`%s: the file is empty; run "dossier setup", or put the right one in its place`, path)
	}
	return nil
}

// useWAL switches the file to a write-ahead log, which it then stays with: readers and a backup do not hold up the writer.
func useWAL(ctx context.Context, db *sql.DB, path string) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if mode != "wal" {
		return fmt.Errorf("%s: the file system cannot hold a write-ahead log (journal mode %s); use a local disk", path, mode)
	}
	return nil
}

// Change says what Setup did, or would do.
type Change struct {
	Action string // create, update (of an earlier release's file) or keep
	Detail string
}

// Setup creates the file where there is none, readable by its owner alone, and brings an earlier release's to the present layout. It is safe
// to repeat, and while the store is in use. With dryRun it only says what it would do.
func Setup(ctx context.Context, path string, dryRun bool) (Change, error) {
	_, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return Change{}, err
	case missing && dryRun:
		return Change{Action: "create"}, nil
	case missing:
		if err := create(path); err != nil {
			return Change{}, err
		}
	}
	db, err := connectWriter(path)
	if err != nil {
		return Change{}, err
	}
	defer db.Close()
	found, err := inspect(ctx, db, path)
	if err != nil {
		return Change{}, explain(path, err)
	}
	if !dryRun {
		if err := prepare(ctx, db, path); err != nil {
			return Change{}, err
		}
	}
	switch {
	case found.version == 0:
		return Change{Action: "create"}, nil
	case found.version < len(steps):
		return Change{Action: "update", Detail: fmt.Sprintf("layout %d to %d", found.version, len(steps))}, nil
	}
	return Change{Action: "keep"}, nil
}

// prepare makes an existing file ready for use.
func prepare(ctx context.Context, db *sql.DB, path string) error {
	// Nothing is written to another program's file.
	if _, err := inspect(ctx, db, path); err != nil {
		return explain(path, err)
	}
	if err := useWAL(ctx, db, path); err != nil {
		return explain(path, err)
	}
	_, err := migrate(ctx, db, path)
	return explain(path, err)
}

// create makes an empty file, and its name durable. One that somebody else made meanwhile is as good: it is not opened here, as closing it would
// drop the locks that this process holds on it by SQLite.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: the directory does not exist; create it, or mount its volume", path)
	case err != nil:
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDirectory(path)
}

// syncDirectory brings the name of a file onto the disk.
func syncDirectory(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// unmoved sees to it that an open file is still the one that its name stands for.
func unmoved(path string, opened fs.FileInfo) error {
	now, err := os.Stat(path)
	if err == nil && os.SameFile(now, opened) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &sink.SetupError{Where: path, Detail: "the file was moved, deleted or replaced while it was in use",
		Mend: "put the right one in its place and start again"}
}
