package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"dossier/schema"
	"dossier/sink"
)

// Create implements sink.Store.
func (s *Store) Create(ctx context.Context, docs []schema.Document) ([]sink.Outcome, error) {
	return s.write(ctx, len(docs), func(b *batch, i int) (sink.Outcome, error) { return b.create(ctx, &docs[i]) })
}

// Replace implements sink.Store.
func (s *Store) Replace(ctx context.Context, docs []sink.Replacement) ([]sink.Outcome, error) {
	return s.write(ctx, len(docs), func(b *batch, i int) (sink.Outcome, error) { return b.replace(ctx, &docs[i]) })
}

// write brings n documents in, in as many transactions as their size demands. Each document is encoded when its turn comes, so no more than one of this
// call is in memory in that form.
func (s *Store) write(ctx context.Context, n int, one func(*batch, int) (sink.Outcome, error)) ([]sink.Outcome, error) {
	outcomes := make([]sink.Outcome, n)
	for start := 0; start < n; {
		var done int
		err := s.persist(ctx, n-start, func() (err error) {
			done, err = s.transaction(ctx, outcomes[start:], func(b *batch, i int) (sink.Outcome, error) { return one(b, start+i) })
			return err
		})
		if err != nil {
			return nil, err
		}
		start += done
	}
	return outcomes, ctx.Err()
}

// batch is one transaction under way.
type batch struct {
	path                                                                         string
	insert, update, hash, insertJSON, updateJSON, remove, insertText, deleteText *sql.Stmt
	bytes                                                                        int    // of JSON, so far
	json                                                                         []byte // the last document's
	args                                                                         []any
}

// transaction brings in as many documents as belong into one transaction, and returns their number. After an error none of them is in, or
// all of them, if only the answer got lost.
func (s *Store) transaction(ctx context.Context, outcomes []sink.Outcome, one func(*batch, int) (sink.Outcome, error)) (n int, err error) {
	began := time.Now()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := unchanged(ctx, tx, s.config.Path); err != nil {
		return 0, err
	}
	b := &batch{path: s.config.Path, insert: tx.StmtContext(ctx, s.insert), update: tx.StmtContext(ctx, s.update), hash: tx.StmtContext(ctx, s.hash),
		insertJSON: tx.StmtContext(ctx, s.insertJSON), updateJSON: tx.StmtContext(ctx, s.updateJSON), remove: tx.StmtContext(ctx, s.remove),
		insertText: tx.StmtContext(ctx, s.insertText), deleteText: tx.StmtContext(ctx, s.deleteText)}
	for n < len(outcomes) && n < s.config.BatchDocuments && (n == 0 || b.bytes < s.config.BatchBytes) {
		outcome, err := one(b, n)
		if err != nil && judge(err) == rejects { // the statement alone is undone
			outcome, err = sink.Outcome{Status: sink.StatusRejected, Err: err}, nil
		}
		if err != nil {
			return 0, err
		}
		outcomes[n] = outcome
		n++
	}
	if err := s.commit(tx); err != nil {
		return 0, err
	}
	s.observer.Bulk(time.Since(began), n, b.bytes)
	return n, nil
}

// encode fills the batch's memory with the document's columns.
func (b *batch) encode(d *schema.Document) {
	var hash string
	b.json, hash = d.AppendJSON(b.json[:0])
	b.bytes += len(b.json)
	b.args = columns(b.args, d, hash)
}

func (b *batch) create(ctx context.Context, d *schema.Document) (sink.Outcome, error) {
	ref := d.Ref()
	b.args = append(b.args[:0], ref.ID, ref.Index)
	b.encode(d)
	result, err := b.insert.ExecContext(ctx, b.args...)
	if err != nil {
		return sink.Outcome{}, err
	}
	inserted, err := result.RowsAffected()
	if err != nil {
		return sink.Outcome{}, err
	}
	if inserted == 0 {
		o := sink.Outcome{Status: sink.StatusExists}
		return o, b.hash.QueryRowContext(ctx, ref.ID, ref.Index).Scan(&o.Hash)
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return sink.Outcome{}, err
	}
	if _, err := b.insertJSON.ExecContext(ctx, seq, string(b.json)); err != nil {
		if judge(err) != rejects {
			return sink.Outcome{}, err
		}
		_, undo := b.remove.ExecContext(ctx, seq) // the batch goes on without the document
		if undo != nil {
			err = undo
		}
		return sink.Outcome{}, err
	}
	return sink.Outcome{Status: sink.StatusStored}, b.index(ctx, seq, d)
}

func (b *batch) replace(ctx context.Context, r *sink.Replacement) (sink.Outcome, error) {
	d := &r.Document
	ref := d.Ref()
	b.args = b.args[:0]
	b.encode(d)
	b.args = append(b.args, ref.ID, ref.Index, r.Version.Sequence)
	// The document first: if it is too large, nothing has changed.
	if _, err := b.updateJSON.ExecContext(ctx, string(b.json), ref.ID, ref.Index, r.Version.Sequence); err != nil {
		return sink.Outcome{}, err
	}
	var seq int64
	err := b.update.QueryRowContext(ctx, b.args...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return sink.Outcome{Status: sink.StatusSuperseded}, nil
	}
	if err != nil {
		return sink.Outcome{}, err
	}
	if _, err := b.deleteText.ExecContext(ctx, seq); err != nil {
		return sink.Outcome{}, err
	}
	return sink.Outcome{Status: sink.StatusStored}, b.index(ctx, seq, d)
}

// index makes the text of a field change's values searchable.
func (b *batch) index(ctx context.Context, seq int64, d *schema.Document) error {
	previous, current, message := searchable(d)
	if previous == nil && current == nil && message == nil {
		return nil
	}
	if _, err := b.insertText.ExecContext(ctx, seq, previous, current, message); err != nil {
		if judge(err) == rejects { // no document is at fault: one stands in the index that is not in the table
			return setupError(b.path, err)
		}
		return err
	}
	return nil
}
