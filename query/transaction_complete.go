package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"dossier/schema"
)

// storedCounts says how many changes of a transaction are stored.
type storedCounts struct {
	tables map[string]int64 // by schema.table
	scopes []string
}

// stored counts a transaction's changes.
func (s *Service) stored(ctx context.Context, tx txRef) (storedCounts, error) {
	stored := storedCounts{tables: map[string]int64{}}
	tables, err := s.Store.Count(ctx, Count{Filter: tx.changes(), By: []Field{FieldSchema, FieldTable}, Limit: MaxLimit})
	if err != nil {
		return stored, err
	}
	for _, b := range tables.Buckets {
		stored.tables[b.Key[0]+"."+b.Key[1]] = b.Count
	}
	if tables.Other > 0 {
		return stored, &Error{Code: CodeTooBroad, Detail: fmt.Sprintf("the transaction changed more than %d tables, too many to compare", MaxLimit)}
	}
	scopes, err := s.Store.Count(ctx, Count{Filter: tx.changes(), By: []Field{FieldScope}, Limit: MaxLimit})
	for _, b := range scopes.Buckets {
		stored.scopes = append(stored.scopes, b.Key[0])
	}
	return stored, err
}

// assess compares what is stored of a transaction with what the database reports. Complete is nil where nobody can know; then, and where it is false, reason says why.
func assess(stored storedCounts, reports []schema.Document) (complete *bool, tables []TableCount, reason string) {
	reported, certain, missing := mergeReports(reports, stored.scopes)
	for name, n := range stored.tables {
		count := TableCount{Table: name, Stored: n}
		if r, ok := reported[name]; ok {
			count.Reported = &r
		}
		tables = append(tables, count)
	}
	for name, r := range reported {
		if _, ok := stored.tables[name]; !ok {
			tables = append(tables, TableCount{Table: name, Reported: &r})
		}
	}
	slices.SortFunc(tables, func(a, b TableCount) int { return cmp.Compare(a.Table, b.Table) })

	var fewer, more []string
	for _, t := range tables {
		switch {
		case t.Reported == nil:
		case t.Stored < *t.Reported:
			fewer = append(fewer, fmt.Sprintf("%d of %d of %s", t.Stored, *t.Reported, t.Table))
		case t.Stored > *t.Reported:
			more = append(more, fmt.Sprintf("%d instead of %d of %s", t.Stored, *t.Reported, t.Table))
		}
	}
	switch {
	case fewer != nil:
		no := false
		return &no, tables, "fewer changes are stored than the database reports: " + someOf(fewer) +
			". The others changed nothing visible (such updates leave no version), are still on their way, or are lost"
	case len(reports) == 0:
		return nil, tables, "the database's own count is not stored: it comes with Debezium's transaction metadata, which is off, or has not arrived yet"
	case missing != nil:
		return nil, tables, "the database's own count is not stored for the scope " + someOf(missing)
	case !certain:
		return nil, tables, "the connector was restarted within the transaction, so the database's count may be of its last part alone"
	case more != nil:
		return nil, tables, "more changes are stored than the database reports: " + someOf(more) + ". Two transactions may have had this number within a day"
	}
	yes := true
	return &yes, tables, ""
}

// mergeReports puts together what the reports of the scopes say, and which of the scopes given have none. Two for one scope stem from a connector that was
// restarted, so the greater counts are nearer to the whole, and not certain.
func mergeReports(reports []schema.Document, scopes []string) (tables map[string]int64, certain bool, missing []string) {
	tables = map[string]int64{}
	certain = true
	seen := map[string]bool{}
	for i := range reports {
		d := &reports[i]
		if d.Transaction == nil {
			continue
		}
		certain = certain && d.Transaction.Certain && !seen[d.Scope]
		seen[d.Scope] = true
		for _, c := range d.Transaction.Tables {
			tables[c.Name] = max(tables[c.Name], c.Count)
		}
	}
	for _, scope := range scopes {
		if !seen[scope] {
			missing = append(missing, scope)
		}
	}
	slices.Sort(missing)
	return tables, certain, missing
}

// someOf lists texts, the first few of many.
func someOf(texts []string) string {
	const few = 5
	if len(texts) > few {
		return strings.Join(texts[:few], ", ") + fmt.Sprintf(" and %d more", len(texts)-few)
	}
	return strings.Join(texts, ", ")
}
