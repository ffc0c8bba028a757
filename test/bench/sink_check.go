package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"os"
	"strconv"

	"dossier/schema"
)

// documents is what a store must hold in the end: how many of each kind, and the sum of the hashes of their identities and texts, whatever the order. Of a text all counts but the time at
// which it was stored.
type documents struct {
	kinds map[string]int
	n     int
	sum   uint64
}

func (d *documents) add(id string, text []byte) {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(id)
	_ = h.WriteByte(0)
	before, after, found := bytes.Cut(text, []byte(`,"ingested":"`))
	_, _ = h.Write(before)
	if found {
		_, after, _ = bytes.Cut(after, []byte{'"'})
		_, _ = h.Write(after)
	}
	d.n++
	d.sum += h.Sum64()
}

// readDocuments reads the documents that a sink sent, and checks them against the corpus.
func readDocuments(path string, c corpus) (documents, error) {
	all := documents{kinds: map[string]int{}}
	file, err := os.Open(path)
	if err != nil {
		return all, err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 1<<20)
	for {
		action, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return all, fmt.Errorf("prepared documents: %w", err)
		}
		var to struct {
			Create struct {
				ID string `json:"_id"`
			}
		}
		if err := json.Unmarshal(action, &to); err != nil {
			return all, fmt.Errorf("prepared documents: %w", err)
		}
		text = bytes.TrimSuffix(text, []byte{'\n'})
		d, _, err := schema.ParseDocument(text)
		if err == nil {
			err = c.checkDocument(&d, to.Create.ID)
		}
		if err != nil {
			return all, fmt.Errorf("document %s: %w", to.Create.ID, err)
		}
		all.kinds[string(d.Kind)]++
		all.add(to.Create.ID, text)
	}
	return all, all.sameKinds(c.documents())
}

// documents returns how many documents of each kind the corpus gives: each change has a row version and the change of its one field, each transaction its counts.
func (c corpus) documents() map[string]int {
	return map[string]int{
		string(schema.DocumentRowVersion): c.changes(), string(schema.DocumentFieldChange): c.changes(), string(schema.DocumentTransaction): c.transactions,
	}
}

// checkDocument checks one document by itself.
func (c corpus) checkDocument(d *schema.Document, id string) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", d.Kind, fmt.Sprintf(format, args...))
	}
	if d.ID() != id {
		return fail("its identity should be %s", d.ID())
	}
	if d.Kind == schema.DocumentTransaction {
		if tables := d.Transaction.Tables; !d.Transaction.Certain || len(tables) != 1 || tables[0].Count != int64(c.perTx) {
			return fail("it counts %+v", d.Transaction)
		}
		return nil
	}
	row, err := strconv.Atoi(d.Entity.ID)
	if err != nil || row < 0 || row >= entities {
		return fail("of the entity %q, which the corpus does not have", d.Entity.ID)
	}
	before, after := d.Before, d.After
	if d.Kind == schema.DocumentFieldChange {
		before, after = schema.Row{{Name: d.Change.Field, Value: d.Change.Previous}}, schema.Row{{Name: d.Change.Field, Value: d.Change.Current}}
	}
	number := version(after)
	change := (number-1)*entities + row
	tx := change / c.perTx
	if version(before) != number-1 || number < 1 || change >= c.changes() || d.CDC.TxID != uint64(tx) {
		return fail("it leads row %d from version %d to %d in transaction %d", row, version(before), number, d.CDC.TxID)
	}
	if who := ""; c.context.has(tx) {
		who = user(tx)
		if d.Context == nil || d.Context.User.ID != who {
			return fail("expected user %q; its context is %+v", who, d.Context)
		}
	}
	return nil
}

func (d documents) sameKinds(got map[string]int) error {
	if !maps.Equal(d.kinds, got) {
		return fmt.Errorf("expected documents by kind: %v, got %v", d.kinds, got)
	}
	return nil
}

// check reads all that is in the store and compares it.
func (d documents) check(ctx context.Context, s *searchStore) error {
	kinds, err := s.kinds(ctx)
	if err != nil {
		return err
	}
	if err := d.sameKinds(kinds); err != nil {
		return fmt.Errorf("wrong result: %w", err)
	}
	var got documents
	err = s.read(ctx, func(id string, text []byte) error {
		got.add(id, text)
		return nil
	})
	switch {
	case err != nil:
		return err
	case got.n != d.n:
		return fmt.Errorf("wrong result: %d documents of %d", got.n, d.n)
	case got.sum != d.sum:
		return fmt.Errorf("wrong result: the documents' texts are not those that were sent")
	}
	return nil
}
