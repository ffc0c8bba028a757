package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the whole store to a new file: a single moment's documents, those whose storing was acknowledged before the call among them. The
// store goes on writing meanwhile. The copy holds no gaps, is on the disk when Backup returns, and can be opened as it is. A file of that name must not exist; it
// appears only once it is whole.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: exists already; name a new file", path)
		}
		return err
	}
	if err := s.unmoved(); err != nil {
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
	if err := s.copyTo(ctx, partial); err != nil {
		return fmt.Errorf("copying %s: %w", s.config.Path, err)
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

func (s *Store) copyTo(ctx context.Context, partial string) error {
	db, err := connect(s.config.Path, 1, nil)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", partial)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, db.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Sync(), f.Close())
}
