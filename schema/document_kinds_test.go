package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

var asOf = time.Date(2026, 11, 1, 12, 0, 0, 1, time.UTC)

// kindDocuments are one document of each kind that says something no row says.
func kindDocuments() map[DocumentKind]Document {
	at := time.Date(2026, 11, 23, 2, 43, 54, 0, time.UTC)
	person := DocumentEntity{EntityRef: EntityRef{"person", "17"}}
	return map[DocumentKind]Document{
		DocumentNamedVersion: {Kind: DocumentNamedVersion, Time: at, EventID: "e1", Scope: "people", Entity: person, VersionName: "Baseline \"26\"",
			Context:      &EventContext{Status: StatusAttached, Context: Context{User: User{ID: "u1"}, Reason: "audit"}},
			NamedVersion: &NamedVersion{ID: "r-1", AsOf: asOf, EventID: "c-9"}},
		DocumentFeedback: {Kind: DocumentFeedback, Time: at, EventID: "e2", Scope: "people", Entity: person, VersionName: "Baseline",
			Feedback: &Feedback{Application: "payments", Status: "rejected", Message: "no \"IBAN\"\n", Payload: json.RawMessage(`{"code":9007199254740993,"position":"x"}`), EventID: "c-9"}},
		DocumentTransaction: {Kind: DocumentTransaction, Time: at, EventID: "e3", Scope: "people", CDC: CDC{Source: "shop", TxID: 728, HasTx: true},
			Transaction: &TransactionCounts{Tables: []CollectionCount{{"public.product", 3}, {`od"d`, 0}}, Certain: true}},
	}
}

func TestDocumentKindsAsText(t *testing.T) {
	want := map[DocumentKind]string{
		DocumentNamedVersion: `{"@timestamp":"2026-11-23T02:43:54Z","audit":{"kind":"named_version","context":"attached","scope":"people"},"user":{"id":"u1"},` +
			`"entity":{"type":"person","id":"17"},"version":{"name":"Baseline \"26\"","id":"r-1","as_of":"2026-11-01T12:00:00.000000001Z","event_id":"c-9"},` +
			`"cdc":{},"event":{"id":"e1","reason":"audit","hash":"`,
		DocumentFeedback: `{"@timestamp":"2026-11-23T02:43:54Z","audit":{"kind":"feedback","scope":"people"},` +
			`"entity":{"type":"person","id":"17"},"version":{"name":"Baseline"},"feedback":{"application":"payments","status":"rejected",` +
			`"message":"no \"IBAN\"\n","payload":{"code":9007199254740993,"position":"x"},"event_id":"c-9"},"cdc":{},"event":{"id":"e2","hash":"`,
		DocumentTransaction: `{"@timestamp":"2026-11-23T02:43:54Z","audit":{"kind":"transaction","scope":"people"},"entity":{},` +
			`"transaction":{"tables":{"public.product":3,"od\"d":0},"certain":true},"cdc":{"source":"shop","tx_id":728},"event":{"id":"e3","hash":"`,
	}
	for kind, d := range kindDocuments() {
		text, hash := d.AppendJSON(nil)
		if got := strings.TrimSuffix(string(text), hash+`"}}`); got != want[kind] {
			t.Errorf("%s:\n got %s\nwant %s", kind, got, want[kind])
		}
	}
}

func TestDocumentKindsHash(t *testing.T) {
	changes := map[DocumentKind]map[string]func(*Document){
		DocumentNamedVersion: {
			"id":       func(d *Document) { d.NamedVersion.ID = "" },
			"as_of":    func(d *Document) { d.NamedVersion.AsOf = asOf.Add(1) },
			"event_id": func(d *Document) { d.NamedVersion.EventID = "" },
		},
		DocumentFeedback: {
			"application": func(d *Document) { d.Feedback.Application = "x" },
			"status":      func(d *Document) { d.Feedback.Status = "x" },
			"message":     func(d *Document) { d.Feedback.Message = "" },
			"payload":     func(d *Document) { d.Feedback.Payload = nil },
			"event_id":    func(d *Document) { d.Feedback.EventID = "" },
		},
		DocumentTransaction: {
			"count":   func(d *Document) { d.Transaction.Tables[0].Count++ },
			"tables":  func(d *Document) { d.Transaction.Tables = nil },
			"certain": func(d *Document) { d.Transaction.Certain = false },
		},
	}
	for kind, of := range changes {
		for name, change := range of {
			d := kindDocuments()[kind]
			before := d.Hash()
			change(&d)
			if d.Hash() == before {
				t.Errorf("%s: %s does not change the hash", kind, name)
			}
		}
	}
}

func TestNamedVersionDocumentID(t *testing.T) {
	d := kindDocuments()[DocumentNamedVersion]
	other := d
	other.Entity.ID = "18"
	ids := []string{d.ID(), other.ID(), DocumentID(d.EventID, DocumentRowVersion, "")}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 {
		t.Error("two documents of one event have one id")
	}
	if d.ID() != NamedVersionDocumentID("e1", EntityRef{"person", "17"}) {
		t.Error("the id cannot be computed without the document")
	}
}

func TestParseDocumentRefusesDamagedKinds(t *testing.T) {
	for _, text := range []string{
		`{"audit":{"kind":"named_version"},"version":{"name":"x"},"event":{"id":"e"}}`,
		`{"audit":{"kind":"feedback"},"event":{"id":"e"}}`,
		`{"audit":{"kind":"transaction"},"event":{"id":"e"}}`,
		`{"audit":{"kind":"transaction"},"transaction":{"tables":{"a":-1}},"event":{"id":"e"}}`,
		`{"audit":{"kind":"transaction"},"transaction":{"tables":{"a":1.0}},"event":{"id":"e"}}`,
		`{"audit":{"kind":"transaction"},"transaction":{"certain":"yes"},"event":{"id":"e"}}`,
		`{"audit":{"kind":"feedback"},"feedback":{"payload":[]},"event":{"id":"e"}}`,
		`{"audit":{"kind":"named_version"},"version":{"as_of":"yesterday"},"event":{"id":"e"}}`,
	} {
		if d, _, err := ParseDocument([]byte(text)); err == nil {
			t.Errorf("took %s as %+v", text, d)
		}
	}
}
