package query

import (
	"context"
	"strconv"
	"time"

	"dossier/schema"
)

// Transaction returns what one database transaction changed, in commit order, and whether that is everything that the database reports for it.
//
// PostgreSQL numbers transactions with 32 bits, so the same number comes round again after some years of work, and after a database was set up anew. Of several
// transactions with one number it is the one committed nearest to q.Time, or the latest without; Also tells of the others. They are told apart by a day without changes
// between them, since a number takes far longer to come round.
func (s *Service) Transaction(ctx context.Context, q TransactionQuery) (*Transaction, error) {
	if q.Source == "" {
		return nil, invalid("source", "expected the name of a source")
	}
	number, err := strconv.ParseUint(q.TxID, 10, 64)
	if err != nil {
		return nil, invalid("tx_id", "%q is no transaction's number: expected a whole number such as 728", quoteShort(q.TxID))
	}
	p, err := s.page(q.PageQuery, "transaction", q.Source, strconv.FormatUint(number, 10), q.Time)
	if err != nil {
		return nil, err
	}
	near, err := timeParameter("time", q.Time, p.now)
	if err != nil {
		return nil, err
	}
	tx := txRef{source: q.Source, number: number}
	all, err := s.occurrences(ctx, tx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, tx.unknown()
	}
	if len(p.after.group) == 1 { // a later page: the same one, though another may have come since
		if near, err = time.Parse(time.DateOnly, p.after.group[0]); err != nil {
			return nil, invalid("cursor", `it is damaged: give the "next" of the page before, as it is`)
		}
	}
	chosen := nearest(all, near)
	tx.span = all[chosen]

	pages, err := s.search(ctx,
		Search{Filter: tx.changes(), Order: CommitOrder, After: p.after.key, Limit: p.limit},
		Search{Filter: tx.changes(), Order: CommitOrder, Limit: 1},
		tx.reports())
	if err != nil {
		return nil, err
	}
	answer := &Transaction{Source: q.Source, TxID: &number}
	if answer.Items, err = s.tell(ctx, pages[0].Documents); err != nil {
		return nil, err
	}
	if n := len(pages[0].Documents); pages[0].More && n > 0 {
		answer.Next = p.next(place{key: keyOf(&pages[0].Documents[n-1]), group: []string{tx.span.from.Format(time.DateOnly)}})
	}
	for i, o := range all {
		if i != chosen {
			answer.Also = append(answer.Also, o.from)
		}
	}
	first := pages[1].Documents
	if len(first) == 0 {
		first = pages[2].Documents
	}
	if len(first) > 0 {
		answer.Time, answer.Context = first[0].Time, contextOf(&first[0])
	}
	stored, err := s.stored(ctx, tx)
	if err != nil {
		return nil, err
	}
	answer.Complete, answer.Tables, answer.Reason = assess(stored, pages[2].Documents)
	return answer, nil
}

// txRef is one transaction: the number alone would not tell which.
type txRef struct {
	source string
	number uint64
	span   daySpan
}

// daySpan is a time of some days, from included, to not. The zero span is no bound.
type daySpan struct{ from, to time.Time }

func (t txRef) unknown() error {
	hint := ""
	if low := t.number & 0xFFFFFFFF; low != t.number {
		hint = ". PostgreSQL's changes carry the low 32 bits of such a number: try " + strconv.FormatUint(low, 10)
	}
	return notFound("no change of transaction %d of the source %q is known%s", t.number, quoteShort(t.source), hint)
}

// of holds for the transaction's documents of some kinds.
func (t txRef) of(kinds ...schema.DocumentKind) Filter {
	f := And{anyKind(kinds...), Is(FieldSource, t.source), Is(FieldTxID, strconv.FormatUint(t.number, 10)),
		// The rows of a snapshot carry the number of the transaction that read them, and that changed nothing.
		Not{anyAction(schema.ActionSnapshot)}}
	if t.span != (daySpan{}) {
		f = append(f, Between{Field: FieldTime, From: t.span.from, To: t.span.to})
	}
	return f
}

// changes holds for what the transaction changed.
func (t txRef) changes() Filter {
	return t.of(schema.DocumentRowVersion, schema.DocumentTruncate)
}

// reports asks for what the database reports of the transaction: a document for each scope.
func (t txRef) reports() Search {
	return Search{Filter: t.of(schema.DocumentTransaction), Order: OldestFirst, Limit: MaxLimit}
}

// occurrences returns when transactions with the number took place, the latest first.
func (s *Service) occurrences(ctx context.Context, tx txRef) ([]daySpan, error) {
	counts, err := s.Store.Count(ctx, Count{
		Filter: tx.of(schema.DocumentRowVersion, schema.DocumentTruncate, schema.DocumentTransaction),
		By:     []Field{FieldTime}, Limit: MaxLimit,
	})
	if err != nil {
		return nil, err
	}
	var all []daySpan
	for _, b := range counts.Buckets { // the latest first
		day, err := time.Parse(time.DateOnly, b.Key[0])
		if err != nil {
			return nil, err
		}
		next := day.AddDate(0, 0, 1)
		if n := len(all); n > 0 && all[n-1].from.Equal(next) {
			all[n-1].from = day
			continue
		}
		all = append(all, daySpan{day, next})
	}
	return all, nil
}

// nearest returns which of the spans is nearest to a time; the first for the zero time.
func nearest(all []daySpan, t time.Time) int {
	best := 0
	for i := range all {
		if !t.IsZero() && all[i].distance(t) < all[best].distance(t) {
			best = i
		}
	}
	return best
}

func (d daySpan) distance(t time.Time) time.Duration {
	switch {
	case t.Before(d.from):
		return d.from.Sub(t)
	case t.Before(d.to):
		return 0
	}
	return t.Sub(d.to) + 1
}
