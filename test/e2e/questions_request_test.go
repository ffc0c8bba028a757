package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// transactionJSON is what one transaction changed, as HTTP tells it.
type transactionJSON struct {
	Source   string
	TxID     uint32 `json:"tx_id"`
	Items    []changeJSON
	Complete *bool
	Reason   string
	Tables   []struct {
		Table    string
		Reported *int
		Stored   int
	}
}

// told is what it says: what it changed, in order, and table by table how much the database reports and how much is stored.
func (j *transactionJSON) told() ([]line, error) {
	all := plain(fmt.Sprintf("%s %d, %s", j.Source, j.TxID, completeness(j.Complete)))
	if (j.Reason == "") != (j.Complete != nil && *j.Complete) {
		return nil, fmt.Errorf("complete is %s and the reason is %q", completeness(j.Complete), j.Reason)
	}
	for i := range j.Items {
		l, err := j.Items[i].told()
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	for _, t := range j.Tables {
		reported := "unknown"
		if t.Reported != nil {
			reported = fmt.Sprint(*t.Reported)
		}
		all = append(all, line{text: fmt.Sprintf("%s: %s reported, %d stored", t.Table, reported, t.Stored)})
	}
	return all, nil
}

func completeness(complete *bool) string {
	switch {
	case complete == nil:
		return "nobody knows whether it is complete"
	case *complete:
		return "complete"
	}
	return "not complete"
}

// transaction is the same of the truth, with those of its changes that are meant. It is complete where every change of a row shows.
func (w *world) transaction(tx uint32, items func(*event) bool) []line {
	reported, stored := map[string]int{}, map[string]int{}
	for i := range w.rows {
		if r := &w.rows[i]; r.Tx == tx {
			reported[r.Table]++
			if r.Op == "u" && len(r.Key) > 0 && entityID(r.Key, r.Old) != entityID(r.Key, r.New) {
				reported[r.Table]++ // Debezium tells a changed key as two changes
			}
		}
	}
	var changes []line
	for _, e := range w.events {
		if e.Tx == tx {
			stored[e.Table]++
			if items(e) {
				changes = append(changes, e.told())
			}
		}
	}
	complete := true
	var tables []line
	for _, table := range sortedKeys(reported) {
		complete = complete && stored[table] == reported[table]
		tables = append(tables, line{text: fmt.Sprintf("%s: %d reported, %d stored", table, reported[table], stored[table])})
	}
	return slices.Concat(plain(fmt.Sprintf("%s %d, %s", w.source, tx, completeness(&complete))), changes, tables)
}

func (w *world) transactionQuestions() []question {
	sizes := map[uint32]int{}
	var numbers []uint32
	for _, e := range w.events {
		if sizes[e.Tx]++; sizes[e.Tx] == 1 {
			numbers = append(numbers, e.Tx)
		}
	}
	var all []question
	for _, tx := range sample(numbers, 40, func(tx uint32) bool { return w.particular(tx) }) {
		if sizes[tx] > 1000 {
			continue // page by page, below
		}
		all = append(all, question{kind: "transaction", path: path([]string{"transactions", w.source, fmt.Sprint(tx)}, "limit", "1000"), read: readTransaction,
			want: w.transaction(tx, func(*event) bool { return true }), loose: w.cascades(tx)})
	}
	return all
}

// particular says that a transaction has changes that do not show, truncates or changed keys.
func (w *world) particular(tx uint32) bool {
	return slices.ContainsFunc(w.rows, func(r truthRow) bool { return r.Tx == tx && (r.Op == "t" || len(w.bySeq[r.Seq]) != 1) })
}

// cascades says that a transaction's changes cascaded: the triggers tell of them in another order than that of the log.
func (w *world) cascades(tx uint32) bool {
	return slices.ContainsFunc(w.events, func(e *event) bool { return e.Tx == tx && e.Table == "public.supplier" && e.Action == "delete" })
}

func readTransaction(page []byte) ([]line, error) {
	var j transactionJSON
	if err := json.Unmarshal(page, &j); err != nil {
		return nil, err
	}
	return j.told()
}

func (w *world) requestQuestions() []question {
	seen := map[string]bool{}
	var ids []string
	for _, e := range w.events {
		for _, id := range []string{e.Context.Correlation, e.Context.Request} {
			if id != "" && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	var all []question
	for _, id := range sample(ids, 40, nil) {
		of := func(e *event) bool { return e.Context.Correlation == id || e.Context.Request == id }
		var want []line
		loose, n := false, 0
		done := map[uint32]bool{}
		complete := true
		for _, e := range w.events {
			if !of(e) {
				continue
			}
			n++
			if !done[e.Tx] {
				done[e.Tx] = true
				lines := w.transaction(e.Tx, of)
				want = append(want, lines...)
				complete = complete && strings.HasSuffix(lines[0].text, ", complete")
				loose = loose || w.cascades(e.Tx)
			}
		}
		if n > 1000 {
			continue
		}
		want = append(want, line{text: "all of them: " + completeness(&complete)})
		all = append(all, question{kind: "request", path: path([]string{"requests", id}, "limit", "1000"), want: want, loose: loose, read: readRequest})
	}
	return all
}

func readRequest(page []byte) ([]line, error) {
	var j struct {
		Transactions []transactionJSON
		Complete     *bool
	}
	if err := json.Unmarshal(page, &j); err != nil {
		return nil, err
	}
	var all []line
	for i := range j.Transactions {
		lines, err := j.Transactions[i].told()
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return append(all, line{text: "all of them: " + completeness(j.Complete)}), nil
}
