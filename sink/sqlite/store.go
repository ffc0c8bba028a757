package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"dossier/schema"
	"dossier/sink"
)

// Config says where the file is and how much goes into one transaction.
type Config struct {
	// Path is the file's name, on a local disk. SQLite keeps two more beside it while it is open, with -wal and -shm at their ends. Required.
	Path string
	// BatchBytes bounds the documents of one transaction, in bytes of their JSON. A document that is larger than that alone goes alone.
	// Default: 5,000,000.
	BatchBytes int
	// BatchDocuments bounds their number. Default: 2,000.
	BatchDocuments int
	// BackoffMin and BackoffMax bound the pause before another attempt, which doubles each time and is random in its upper half.
	// Defaults: 100 ms and 30 s.
	BackoffMin, BackoffMax time.Duration
}

// Defaults fills what is zero.
func (c Config) Defaults() Config {
	if c.BatchBytes == 0 {
		c.BatchBytes = 5_000_000
	}
	if c.BatchDocuments == 0 {
		c.BatchDocuments = 2_000
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 100 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = max(30*time.Second, c.BackoffMin)
	}
	return c
}

// Store keeps version documents in a file. It implements sink.Store. Several stores, also of several processes on one machine, may use
// one file at once.
type Store struct {
	config   Config
	observer sink.Observer
	file     fs.FileInfo // the file as it was opened
	writer   *sql.DB     // one connection
	readers  *sql.DB
	// The writer's statements.
	insert, update, hash, insertJSON, updateJSON, remove, insertText, deleteText *sql.Stmt
	get                                                                          *sql.Stmt // the readers'
	commit                                                                       func(*sql.Tx) error
	waiting                                                                      atomic.Bool // the observer has been told to wait
}

var _ sink.Store = (*Store)(nil)

// Open opens the file, which Setup has created, and brings an earlier release's to the present layout. A nil observer observes nothing. Close
// the store after its last use.
func Open(ctx context.Context, config Config, observer sink.Observer) (_ *Store, err error) {
	s := &Store{config: config.Defaults(), observer: observer, commit: (*sql.Tx).Commit}
	if observer == nil {
		s.observer = sink.NoObserver{}
	}
	path := config.Path
	if s.file, err = exists(path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.writer, err = connectWriter(path); err != nil {
		return nil, err
	}
	if err := inspectStore(ctx, s.writer, path); err != nil {
		return nil, err
	}
	if err := prepare(ctx, s.writer, path); err != nil {
		return nil, err
	}
	if s.readers, err = connectReaders(path, 4); err != nil {
		return nil, err
	}
	for _, statement := range []struct {
		db   *sql.DB
		to   **sql.Stmt
		text string
	}{{s.writer, &s.insert, insertDocument}, {s.writer, &s.update, updateDocument}, {s.writer, &s.hash, selectHash},
		{s.writer, &s.insertJSON, insertJSON}, {s.writer, &s.updateJSON, updateJSON}, {s.writer, &s.remove, removeDocument},
		{s.writer, &s.insertText, insertText}, {s.writer, &s.deleteText, deleteText}, {s.readers, &s.get, selectDocument}} {
		if *statement.to, err = statement.db.PrepareContext(ctx, statement.text); err != nil {
			return nil, explain(path, fmt.Errorf("%s: %w", path, err))
		}
	}
	return s, nil
}

// Close gives the file back. What is acknowledged is durable without it.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.readers, s.writer} { // the writer last, so that it takes the write-ahead log away
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Get implements sink.Store.
func (s *Store) Get(ctx context.Context, refs []schema.DocumentRef) ([]sink.Stored, error) {
	stored := make([]sink.Stored, len(refs))
	for i, ref := range refs {
		err := s.persist(ctx, 1, func() error { return s.getOne(ctx, ref, &stored[i]) })
		if err != nil {
			return nil, err
		}
	}
	return stored, ctx.Err()
}

func (s *Store) getOne(ctx context.Context, ref schema.DocumentRef, to *sink.Stored) error {
	var revision int64
	var json []byte
	err := s.get.QueryRowContext(ctx, ref.ID, ref.Index).Scan(&revision, &json)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	d, hash, err := schema.ParseDocument(json)
	if err != nil {
		return &sink.SetupError{Where: s.config.Path, Detail: fmt.Sprintf("document %s in %s was not written by Dossier (%v)", ref.ID, ref.Index, err)}
	}
	*to = sink.Stored{Found: true, Document: d, Hash: hash, Version: sink.Version{Sequence: revision}}
	return nil
}

// persist tries until it succeeds, only a person can mend it, or the context ends: see sink.Store. It concerns n documents.
func (s *Store) persist(ctx context.Context, n int, try func() error) error {
	pause := backoff{min: s.config.BackoffMin, max: s.config.BackoffMax}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := s.unmoved()
		if err == nil {
			err = try()
		}
		var setup *sink.SetupError
		switch {
		case err == nil:
			if s.waiting.CompareAndSwap(true, false) {
				s.observer.Waiting(nil)
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &setup):
			return setup
		case judge(err) == broken:
			return setupError(s.config.Path, err)
		}
		s.observer.Retried(code(err), n)
		s.waiting.Store(true)
		s.observer.Waiting(fmt.Errorf("%s: %w", s.config.Path, err))
		if err := pause.pause(ctx); err != nil {
			return err
		}
	}
}

// unmoved sees to it that the open file is still the one that its name stands for. What is written to one that was deleted or replaced
// would be gone with the process.
func (s *Store) unmoved() error { return unmoved(s.config.Path, s.file) }
