package sinktest

import (
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
)

// What the database reports of a transaction is kept whole, whatever its tables are called, and can be replaced by what is known later.
func testTransactionCounts(t *testing.T, f *fixture) {
	d := schema.Document{
		Kind: schema.DocumentTransaction, EventID: f.id + "-transaction", Time: commit.Truncate(time.Millisecond), Created: commit.Add(time.Second), Ingested: commit.Add(2 * time.Second),
		Scope: "default", CDC: schema.CDC{Source: "shop", TxID: 1<<64 - 1, HasTx: true},
		Transaction: &schema.TransactionCounts{Certain: true, Tables: []schema.CollectionCount{
			{Name: "public.Größe", Count: 2}, {Name: "public.dotted.name", Count: 1 << 53}, {Name: `public.quoted "T" \ €😀`, Count: 1}, {Name: "public.product", Count: 3}}},
	}
	none := d
	none.EventID, none.Transaction = f.id+"-none", &schema.TransactionCounts{}
	docs := []schema.Document{d, none}
	f.mustCreate(t, docs)
	f.want(t, docs...)
	wantStatus(t, f.mustCreate(t, docs), sink.StatusExists)

	found, err := f.Get(f.ctx, []schema.DocumentRef{d.Ref()})
	if err != nil || !found[0].Found {
		t.Fatal(found, err)
	}
	more := found[0].Document
	more.Transaction = &schema.TransactionCounts{Tables: []schema.CollectionCount{{Name: "public.product", Count: 4}}}
	if _, err := f.Replace(f.ctx, []sink.Replacement{{Document: more, Version: found[0].Version}}); err != nil {
		t.Fatal(err)
	}
	f.want(t, more, none)
}
