package sink

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"dossier/schema"
)

// transactionDocuments returns what the END of a transaction becomes: one document for each scope in which changes of it are kept. scopeOf says which scope
// a table's changes lie in, and whether they are kept at all; what counts beside tables, logical messages, is none.
//
// The identity follows from the source, the transaction's number, the scope and the time of its commit. The number alone would not do: it has 32 bits, and comes
// round again.
func transactionDocuments(source string, end *schema.TransactionBoundary, certain bool, read time.Time, scopeOf func(table string) (string, bool)) []schema.Document {
	var docs []schema.Document
	for _, c := range end.Collections {
		scope, kept := scopeOf(c.Name)
		if !kept || c.Count <= 0 {
			continue
		}
		i := slices.IndexFunc(docs, func(d schema.Document) bool { return d.Scope == scope })
		if i < 0 {
			i = len(docs)
			docs = append(docs, schema.Document{
				Kind: schema.DocumentTransaction, Time: end.Time.UTC(), Created: read.UTC(), Scope: scope,
				EventID: transactionID(source, end.TxID, scope, end.Time),
				CDC:     schema.CDC{Source: source, TxID: end.TxID, HasTx: true}, Transaction: &schema.TransactionCounts{Certain: certain},
			})
		}
		docs[i].Transaction.Tables = addCount(docs[i].Transaction.Tables, c.Name, c.Count)
	}
	for i := range docs {
		slices.SortFunc(docs[i].Transaction.Tables, func(a, b schema.CollectionCount) int { return cmp.Compare(a.Name, b.Name) })
	}
	return docs
}

// transactionID returns the identity of what the database reports of a transaction in one scope: a hash of source and scope, the commit time in milliseconds, which is all that the
// database tells, and the number. Those that follow each other begin alike, and so take little space.
func transactionID(source string, txID uint64, scope string, commit time.Time) string {
	return schema.DerivedID("transaction", source, scope)[:16] + "-" + strconv.FormatInt(commit.UnixMilli(), 36) + "-" + strconv.FormatUint(txID, 10)
}

func addCount(tables []schema.CollectionCount, name string, n int64) []schema.CollectionCount {
	for i := range tables {
		if tables[i].Name == name {
			tables[i].Count += n
			return tables
		}
	}
	return append(tables, schema.CollectionCount{Name: name, Count: n})
}

// mergeCounts returns what two ENDs of one transaction tell together, and whether that is more than what is stored.
//
// A connector that was restarted may write another END, which counts only what it read since: then the greater counts are nearer to the whole. Certain
// counts stay certain as long as no END tells of more. Uncertain ones never become certain: the END that seems whole may have been written after a second
// restart.
func mergeCounts(stored, arriving *schema.TransactionCounts) (_ *schema.TransactionCounts, changed bool) {
	merged := &schema.TransactionCounts{Tables: slices.Clone(stored.Tables), Certain: stored.Certain}
	for _, c := range arriving.Tables {
		i := slices.IndexFunc(merged.Tables, func(m schema.CollectionCount) bool { return m.Name == c.Name })
		switch {
		case i < 0:
			merged.Tables = append(merged.Tables, c)
			changed = true
		case c.Count > merged.Tables[i].Count:
			merged.Tables[i].Count = c.Count
			changed = true
		}
	}
	if changed {
		merged.Certain = false
		slices.SortFunc(merged.Tables, func(a, b schema.CollectionCount) int { return cmp.Compare(a.Name, b.Name) })
	}
	return merged, changed
}
