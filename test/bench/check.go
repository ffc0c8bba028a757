package main

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// fingerprint tells whether two sets of records are equal: their number, and the sum of their keys' and values' hashes, whatever the order.
type fingerprint struct {
	Records int
	sum     uint64
}

var seed = maphash.MakeSeed() // fingerprints hold within one process

func (f *fingerprint) add(r *kgo.Record) {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.Write(r.Key)
	_ = h.WriteByte(0)
	_, _ = h.Write(r.Value)
	f.Records++
	f.sum += h.Sum64()
}

// same says how the copy differs.
func (f fingerprint) same(got fingerprint) error {
	switch {
	case f.Records != got.Records:
		return fmt.Errorf("the copy has %d records of %d", got.Records, f.Records)
	case f.sum != got.sum:
		return errors.New("the copy's records are not those of the change topic")
	}
	return nil
}

// auditCheck checks audit events against the corpus that they were made of. They come in the order of each row's changes.
type auditCheck struct {
	corpus   corpus
	versions [entities]int // of each row, the last one seen
	seen     int
	event    schema.AuditEvent
}

// add checks the next event: that it is the row's next change, with its values, its transaction and its user. As each row's versions come
// one after the other, none is missing and none comes twice if the number is right in the end.
func (a *auditCheck) add(r *kgo.Record) error {
	e := &a.event
	if err := schema.DecodeAudit(&schema.Record{Value: r.Value}, e); err != nil {
		return err
	}
	a.seen++
	id, err := strconv.Atoi(e.Entity.ID)
	if err != nil || id < 0 || id >= entities {
		return fmt.Errorf("audit event of the entity %q, which the corpus does not have", e.Entity.ID)
	}
	next := a.versions[id] + 1
	a.versions[id] = next
	change := (next-1)*entities + id
	tx := a.corpus.of(change)
	fail := func(format string, args ...any) error {
		return fmt.Errorf("row %d, version %d, transaction %d: %s", id, next, tx, fmt.Sprintf(format, args...))
	}
	for _, row := range []struct {
		got     schema.Row
		version int
	}{{e.Before, next - 1}, {e.After, next}} {
		if wrong := a.corpus.differs(row.got, id, row.version); wrong != "" {
			return fail("where the row should be in version %d, it is in version %d: %s", row.version, version(row.got), wrong)
		}
	}
	if field := a.corpus.shape.changedColumn(); len(e.Changes) != 1 || e.Changes[0].Field != field {
		return fail("the changed fields are not %s alone: %d of them", field, len(e.Changes))
	}
	if change >= a.corpus.changes() || e.CDC.TxID != uint64(tx) {
		return fail("the event is of transaction %d", e.CDC.TxID)
	}
	status, who := schema.StatusUnattributed, ""
	if a.corpus.context.has(tx) {
		status, who = schema.StatusAttached, user(tx)
	}
	if e.Context == nil || e.Context.Status != status || e.Context.User.ID != who {
		return fail("expected %s, user %q; the event's context is %+v", status, who, e.Context)
	}
	return nil
}

func (a *auditCheck) end() error {
	if a.seen != a.corpus.changes() {
		return fmt.Errorf("%d audit events for %d changes", a.seen, a.corpus.changes())
	}
	return nil
}

// differs says in what a row differs from the version of it that the corpus has, "" in nothing.
func (c corpus) differs(r schema.Row, id, version int) string {
	if len(r) != len(c.columns) {
		return fmt.Sprintf("%d columns of %d", len(r), len(c.columns))
	}
	var b []byte
	for i, col := range c.columns {
		v := col.value(id, version)
		want := schema.Value{State: schema.Null}
		if !v.null {
			if c.format == formatAvro && col.kind == kindInstant {
				v.text = strings.TrimSuffix(v.text, ".000000Z") // a time, where JSON without its schema has a text
				v.text = strings.TrimSuffix(v.text, "Z") + "Z"
			}
			b = appendJSONCell(b[:0], col.kind, v)
			want = schema.Value{State: schema.Present, JSON: b}
		}
		if got := r[i]; got.Name != col.name || got.Value.State != want.State || string(got.Value.JSON) != string(want.JSON) {
			return fmt.Sprintf("%s is %s, expected %s", got.Name, got.Value.JSON, want.JSON)
		}
	}
	return ""
}
