package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the whole store to a new file: see the function.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.unmoved(); err != nil {
		return err
	}
	return Backup(ctx, s.config.Path, path)
}

// Backup writes a copy of a whole store, which may be in use, to a new file: a single moment's documents, those whose storing was acknowledged before the
// call among them. Writers go on meanwhile. The copy has no gaps, is on the disk when Backup returns, and can be opened as it is. A file of that name must not
// exist; it appears only once it is whole. The store itself is left as it is, also where an earlier release has written it.
func Backup(ctx context.Context, store, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: exists already; name a new file", path)
		}
		return err
	}
	if _, err := exists(store); err != nil {
		return err
	}
	// SQLite makes the copy under the name of another file in the same directory; as it neither brings it to the disk nor keeps others from reading it,
	// that is done here.
	directory, err := os.MkdirTemp(filepath.Dir(path), ".dossier-backup-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	partial := filepath.Join(directory, "copy.db")
	if err := copyTo(ctx, store, partial); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return err
	}
	// Unlike a renaming, a link never replaces a file; but not every file system has links.
	if err := os.Link(partial, path); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		if err := os.Rename(partial, path); err != nil {
			return err
		}
	}
	return syncDirectory(path)
}

func copyTo(ctx context.Context, store, partial string) (err error) {
	db, err := connect(store, 1, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := inspectStore(ctx, db, store); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", partial); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return explain(store, fmt.Errorf("copying %s: %w", store, err))
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Sync(), f.Close())
}
