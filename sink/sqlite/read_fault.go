package sqlite

import (
	"context"
	"errors"
	"time"

	"dossier/query"

	codes "modernc.org/sqlite/lib"
)

const (
	retrySoon  = time.Second      // somebody else's lock
	retryLater = 30 * time.Second // what a person has to mend

	// maxParameters is what SQLite takes in one statement.
	maxParameters = 32_766
)

// errTooBroad is a question that does not fit into one statement.
var errTooBroad = errors.New("the question has too many conditions and values")

// errBusy is a question that waited too long for others.
var errBusy = errors.New("too many questions at a time")

// fault says what a fault of reading means for the one who asked: a *query.Error, or the error of his own context.
func (r *Reader) fault(ctx, limited context.Context, err error) error {
	var asked *query.Error
	switch {
	case errors.As(err, &asked):
		return asked
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBusy):
		return &query.Error{Code: query.CodeUnavailable, Detail: "the store is busy; ask again", RetryAfter: retrySoon, Err: err}
	case limited.Err() != nil:
		return &query.Error{Code: query.CodeTooBroad, Detail: "the question took longer than " + r.timeout.String() +
			"; narrow it down by an entity, a type, a user or a time frame", Err: err}
	case errors.Is(err, errTooBroad):
		return &query.Error{Code: query.CodeTooBroad, Detail: err.Error() + "; ask several smaller ones", Err: err}
	}
	e := &query.Error{Code: query.CodeUnavailable, Detail: "the store cannot be read at present; its log says why", RetryAfter: retryLater, Err: setupError(r.path, err)}
	switch primary(err) {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_SCHEMA, codes.SQLITE_NOMEM, codes.SQLITE_IOERR, codes.SQLITE_FULL:
		e.Detail, e.RetryAfter, e.Err = "the store is busy; ask again", retrySoon, err
	case codes.SQLITE_TOOBIG:
		e.Code, e.Detail, e.RetryAfter = query.CodeTooBroad, "a value in the question is too large", 0
	case 0:
		e.Err = err
	}
	return e
}
