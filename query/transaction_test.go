package query_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

func TestTransactionsTellWhatHappened(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		outcomes := map[string]int{}
		for i, tx := range w.tx {
			ask := query.TransactionQuery{Source: "shop", TxID: strconv.FormatUint(tx.number, 10), Time: tx.time.Add(time.Minute).Format(time.RFC3339)}
			if i >= len(w.tx)-wrap && w.IntN(2) == 0 {
				ask.Time = "" // the latest
			}
			var kept []change
			for _, c := range w.stored() {
				if c.tx == tx {
					kept = append(kept, c)
				}
			}
			if len(kept) == 0 && len(tx.reported) == 0 {
				continue // nothing of it is known: the nearest other one with this number is told
			}
			var last *query.Transaction
			items := pages(t, w, func(p query.PageQuery) (*query.Transaction, error) {
				p.Limit = 1 + p.Limit%3
				ask.PageQuery = p
				answer, err := w.service.Transaction(context.Background(), ask)
				last = answer
				return answer, err
			}, func(a *query.Transaction) ([]query.Change, string) { return a.Items, a.Next })
			var got, expected []string
			for _, c := range items {
				got = append(got, c.EventID)
			}
			for _, c := range kept {
				expected = append(expected, c.event.ID)
			}
			if !slices.Equal(got, expected) {
				t.Fatalf("transaction %d of %s: %v, expected %v", tx.number, tx.time, got, expected)
			}
			if !last.Time.Equal(tx.time) || *last.TxID != tx.number {
				t.Fatalf("transaction %d of %s is told to be %d of %s", tx.number, tx.time, *last.TxID, last.Time)
			}
			complete, tables := tx.truth(kept)
			if fmt.Sprint(told(last)) != fmt.Sprint(tables) {
				t.Fatalf("transaction %d of %s: tables %v, expected %v", tx.number, tx.time, told(last), tables)
			}
			if outcome(last.Complete) != complete || (complete == "true") != (last.Reason == "") {
				t.Fatalf("transaction %d of %s: complete %s because %q, expected %s", tx.number, tx.time, outcome(last.Complete), last.Reason, complete)
			}
			outcomes[complete]++
			others := 0
			for _, other := range w.tx {
				if other != tx && other.number == tx.number && len(other.reported) > 0 {
					others++
				}
			}
			if len(last.Also) < others {
				t.Fatalf("transaction %d: %d others with its number are told, expected %d", tx.number, len(last.Also), others)
			}
		}
		if len(outcomes) != 3 {
			t.Errorf("only these outcomes were met: %v", outcomes)
		}
	})
}

// truth says whether what is kept of a transaction is complete, as far as was reported, and each table's reported and stored changes.
func (tx *worldTx) truth(kept []change) (string, map[string][2]int64) {
	tables := map[string][2]int64{}
	complete := "true"
	for _, c := range kept {
		name := "public." + c.ref.Type
		n := tables[name]
		tables[name] = [2]int64{-1, n[1] + 1}
		if tx.reported[c.event.Scope] == nil {
			complete = "null"
		}
	}
	for _, of := range tx.reported {
		for name, n := range of {
			tables[name] = [2]int64{n, tables[name][1]}
		}
	}
	if !tx.certain {
		complete = "null"
	}
	if len(tx.reported) == 0 {
		complete = "null"
	}
	for _, n := range tables {
		if n[1] < n[0] {
			complete = "false"
		}
	}
	return complete, tables
}

func told(t *query.Transaction) map[string][2]int64 {
	tables := map[string][2]int64{}
	for _, n := range t.Tables {
		reported := int64(-1)
		if n.Reported != nil {
			reported = *n.Reported
		}
		tables[n.Table] = [2]int64{reported, n.Stored}
	}
	return tables
}

func outcome(complete *bool) string {
	if complete == nil {
		return "null"
	}
	return strconv.FormatBool(*complete)
}

func TestRequestsTellWhatHappened(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		for n := range 12 {
			id := "r-" + strconv.Itoa(n)
			var expected, got []string
			for _, c := range w.stored() {
				if c.tx.context.RequestID == id || c.tx.context.CorrelationID == id {
					expected = append(expected, fmt.Sprintf("%d %s", c.tx.number, c.event.ID))
				}
			}
			transactions := pages(t, w, func(p query.PageQuery) (*query.Request, error) {
				answer, err := w.service.Request(context.Background(), query.RequestQuery{ID: id, PageQuery: p})
				if err == nil && answer.Complete != nil && *answer.Complete != !slices.ContainsFunc(answer.Transactions, func(t query.Transaction) bool { return outcome(t.Complete) != "true" }) {
					t.Fatalf("%s: complete is %s", id, outcome(answer.Complete))
				}
				return answer, err
			}, func(a *query.Request) ([]query.Transaction, string) { return a.Transactions, a.Next })
			for _, tx := range transactions {
				for _, c := range tx.Items {
					got = append(got, fmt.Sprintf("%d %s", *tx.TxID, c.EventID))
				}
				at := slices.IndexFunc(w.tx, func(o *worldTx) bool { return o.time.Equal(tx.Time) })
				var kept []change
				for _, c := range w.stored() {
					if c.tx == w.tx[at] {
						kept = append(kept, c)
					}
				}
				if complete, tables := w.tx[at].truth(kept); complete != outcome(tx.Complete) || fmt.Sprint(tables) != fmt.Sprint(told(&tx)) {
					t.Fatalf("%s, transaction %d: complete %s, %v; expected %s, %v", id, *tx.TxID, outcome(tx.Complete), told(&tx), complete, tables)
				}
			}
			if !slices.Equal(got, expected) {
				t.Fatalf("%s:\nfound    %v\nexpected %v", id, got, expected)
			}
		}
	})
}

func TestUnknownRequestsAndTransactions(t *testing.T) {
	w := newWorld(3, 20)
	for _, test := range []struct {
		ask       func() error
		code      query.Code
		parameter string
		says      string
	}{
		{func() error { return failed(w.service.Request(context.Background(), query.RequestQuery{ID: "r-none"})) }, query.CodeNotFound, "", "r-none"},
		{func() error { return failed(w.service.Request(context.Background(), query.RequestQuery{})) }, query.CodeInvalid, "id", ""},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "shop", TxID: "7777"}))
		}, query.CodeNotFound, "", "7777"},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "shop", TxID: "4294974000"}))
		}, query.CodeNotFound, "", "try 6704"},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "crm", TxID: "1"}))
		}, query.CodeNotFound, "", "crm"},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "shop", TxID: "-1"}))
		}, query.CodeInvalid, "tx_id", ""},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "", TxID: "1"}))
		}, query.CodeInvalid, "source", ""},
		{func() error {
			return failed(w.service.Transaction(context.Background(), query.TransactionQuery{Source: "shop", TxID: "1", Time: "then"}))
		}, query.CodeInvalid, "time", ""},
	} {
		var fault *query.Error
		if err := test.ask(); !errors.As(err, &fault) || fault.Code != test.code || fault.Parameter != test.parameter || !strings.Contains(fault.Detail, test.says) {
			t.Errorf("expected %s %s %q: %v", test.code, test.parameter, test.says, err)
		}
	}
}

func failed[T any](_ T, err error) error { return err }

// TestSnapshotRowsBelongToNoTransaction: they carry the number of the transaction that read them.
func TestSnapshotRowsBelongToNoTransaction(t *testing.T) {
	w := newWorld(3, 0)
	w.store.Add(schema.Document{Kind: schema.DocumentRowVersion, EventID: "s1", Time: w.clock, Scope: "people", Action: schema.ActionSnapshot,
		Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: "1"}}, CDC: schema.CDC{Source: "shop", TxID: 5, HasTx: true}})
	var fault *query.Error
	if _, err := w.service.Transaction(context.Background(), query.TransactionQuery{Source: "shop", TxID: "5"}); !errors.As(err, &fault) || fault.Code != query.CodeNotFound {
		t.Errorf("a snapshot's row is told to be changed by a transaction: %v", err)
	}
}

// TestRequestOfManyTransactions turns pages that the number of transactions bounds, and not that of changes.
func TestRequestOfManyTransactions(t *testing.T) {
	w := newWorld(3, 0)
	const n = 173
	for i := range n {
		w.store.Add(schema.Document{Kind: schema.DocumentRowVersion, EventID: fmt.Sprintf("e%03d", i), Time: w.clock.Add(time.Duration(i) * time.Second), Scope: "people", Action: schema.ActionUpdate,
			Entity:  schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: "1"}},
			Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{RequestID: "job"}},
			CDC:     schema.CDC{Source: "shop", Schema: "public", Table: "person", TxID: uint64(i), HasTx: true, Position: schema.FormatPosition(uint64(i), uint64(i), 1)}})
	}
	got := map[uint64]bool{}
	ask := query.RequestQuery{ID: "job", PageQuery: query.PageQuery{Limit: 1000}}
	for {
		answer, err := w.service.Request(context.Background(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Transactions) > 50 || answer.Complete != nil || answer.Reason == "" {
			t.Fatalf("%d transactions on a page, complete %v, %s", len(answer.Transactions), outcome(answer.Complete), answer.Reason)
		}
		for _, tx := range answer.Transactions {
			got[*tx.TxID] = true
		}
		if ask.Cursor = answer.Next; ask.Cursor == "" {
			break
		}
	}
	if len(got) != n {
		t.Errorf("%d transactions, expected %d", len(got), n)
	}
}

// TestTransactionPagesStayWithTheirTransaction turns pages while its number comes round again.
func TestTransactionPagesStayWithTheirTransaction(t *testing.T) {
	w := newWorld(3, 0)
	add := func(id string, at time.Time) {
		w.lsn++
		w.store.Add(schema.Document{Kind: schema.DocumentRowVersion, EventID: id, Time: at, Scope: "people", Action: schema.ActionUpdate,
			Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: "1"}},
			CDC:    schema.CDC{Source: "shop", Schema: "public", Table: "person", TxID: 7, HasTx: true, Position: schema.FormatPosition(w.lsn, w.lsn, 1)}})
	}
	// Around midnight: one transaction, on two days.
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	add("a", midnight.Add(-time.Second))
	add("b", midnight)
	ask := query.TransactionQuery{Source: "shop", TxID: "7", PageQuery: query.PageQuery{Limit: 1}}
	first, err := w.service.Transaction(context.Background(), ask)
	if err != nil || first.Items[0].EventID != "a" || first.Also != nil || first.Complete != nil || !strings.Contains(first.Reason, "own count is not stored") {
		t.Fatalf("%+v, %v", first, err)
	}
	add("c", midnight.AddDate(2, 0, 0))
	ask.Cursor = first.Next
	second, err := w.service.Transaction(context.Background(), ask)
	if err != nil || len(second.Items) != 1 || second.Items[0].EventID != "b" || len(second.Also) != 1 {
		t.Errorf("the second page is %+v, %v", second, err)
	}
	ask.Cursor = ""
	if latest, err := w.service.Transaction(context.Background(), ask); err != nil || latest.Items[0].EventID != "c" {
		t.Errorf("the latest is %+v, %v", latest, err)
	}
}
