package sqlite

import (
	"errors"
	"fmt"

	"dossier/sink"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// verdict is what an error means for those who wait for an answer.
type verdict uint8

const (
	waits   verdict = iota // somebody else's lock, a full disk, a disk that does not answer: it may pass
	rejects                // this document cannot be stored
	broken                 // only a person can mend it
)

// primary returns SQLite's result code without its details; 0 where the error is not SQLite's.
func primary(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xFF
}

func judge(err error) verdict {
	switch primary(err) {
	case codes.SQLITE_TOOBIG, codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH:
		return rejects
	case codes.SQLITE_ERROR, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH, codes.SQLITE_MISUSE:
		return broken
	}
	return waits
}

// code is a short stable name for a fault, for metrics.
func code(err error) string {
	switch c := primary(err); c {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return "busy"
	case codes.SQLITE_FULL:
		return "disk_full"
	case codes.SQLITE_IOERR:
		return "io_error"
	case 0:
		return "unreachable"
	default:
		return fmt.Sprintf("sqlite_%d", c)
	}
}

// setupError says what a person has to mend.
func setupError(path string, err error) *sink.SetupError {
	e := &sink.SetupError{Where: path, Detail: fmt.Sprintf("the file is not laid out as this release writes it (%v)", err)}
	switch primary(err) {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		e.Detail, e.Mend = fmt.Sprintf("the file is damaged (%v)", err), "put a backup in its place, and let the audit topic be read again from before the backup"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		e.Detail, e.Mend = fmt.Sprintf("the file cannot be written to (%v)", err), "see to its permissions, and to its directory's"
	}
	return e
}

// explain adds to errors of opening what to do about them.
func explain(path string, err error) error {
	switch primary(err) {
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%s: the file is no SQLite database; name another, or move it away", path)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the file is damaged; put a backup in its place: %w", path, err)
	case codes.SQLITE_BUSY:
		return fmt.Errorf("%w; another process has been writing to it for longer than %v, try again", err, busyTimeout)
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_CANTOPEN:
		return fmt.Errorf("%w; see to the permissions of the file and of its directory, in which SQLite keeps two more", err)
	}
	return err
}
