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
func (a *auditCheck) add(value []byte) error {
	e := &a.event
	if err := schema.ParseAuditEvent(value, e); err != nil {
		return err
	}
	a.seen++
	id, err := strconv.Atoi(e.Entity.ID)
	if err != nil || id < 0 || id >= entities {
		return fmt.Errorf("audit event of the entity %q, which the corpus does not have", e.Entity.ID)
	}
	version := a.versions[id] + 1
	a.versions[id] = version
	change := (version-1)*entities + id
	tx := a.corpus.of(change)
	fail := func(format string, args ...any) error {
		return fmt.Errorf("row %d, version %d, transaction %d: %s", id, version, tx, fmt.Sprintf(format, args...))
	}
	if before, after := price(e.Before), price(e.After); before != version-1 || after != version {
		return fail("the event leads from version %d to %d", before, after)
	}
	if len(e.Changes) != 1 || e.Changes[0].Field != "price" {
		return fail("the changed fields are not the price alone: %d of them", len(e.Changes))
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

// price returns the version that a row's price tells, -1 without.
func price(r schema.Row) int {
	text, _ := strings.CutSuffix(strings.Trim(string(r.Get("price").JSON), `"`), ".50")
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
