package query

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"dossier/schema"
)

// maxRequestTransactions bounds the transactions on one page of a request, since for each the store has to count.
const maxRequestTransactions = 50

// Request returns what one request changed, as its request id or correlation id tells, transaction by transaction, in commit order. Items are the request's own changes;
// Complete and Tables are about the whole transaction, in which others may have had a part. A transaction that continues on the next page is named there again.
//
// Complete of the answer is about the transactions of this page: true if all are, false if one is not.
func (s *Service) Request(ctx context.Context, q RequestQuery) (*Request, error) {
	if q.ID == "" {
		return nil, invalid("id", "expected a request id or correlation id")
	}
	p, err := s.page(q.PageQuery, "request", q.ID)
	if err != nil {
		return nil, err
	}
	filter := And{anyKind(schema.DocumentRowVersion, schema.DocumentTruncate), Or{Is(FieldRequestID, q.ID), Is(FieldCorrelationID, q.ID)}}
	docs, next, err := s.searchPage(ctx, p, filter, OldestFirst)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 && q.Cursor == "" {
		return nil, notFound("no change of a request with the id %q is known", quoteShort(q.ID))
	}
	parts := partsOf(docs)
	if len(parts) > maxRequestTransactions {
		// Everything before the first document of what does not fit: documents of two transactions can alternate.
		docs = docs[:parts[maxRequestTransactions].at[0]]
		parts = partsOf(docs)
		next = p.next(place{key: keyOf(&docs[len(docs)-1])})
	}
	items, err := s.tell(ctx, docs)
	if err != nil {
		return nil, err
	}
	answer := &Request{ID: q.ID, Transactions: make([]Transaction, len(parts)), Next: next}
	for i, part := range parts {
		first := &docs[part.at[0]]
		t := Transaction{Source: first.CDC.Source, Time: first.Time, Context: contextOf(first)}
		for _, at := range part.at {
			t.Items = append(t.Items, items[at])
		}
		if first.CDC.HasTx {
			t.TxID = &first.CDC.TxID
		}
		answer.Transactions[i] = t
	}
	if err := s.completeness(ctx, answer, parts); err != nil {
		return nil, err
	}
	answer.Complete, answer.Reason = together(answer.Transactions)
	return answer, nil
}

// part is what a page holds of one transaction.
type part struct {
	tx    txRef
	known bool  // the changes carry a transaction's number
	at    []int // which of the page's documents
}

// partsOf groups documents by their transactions, in the order in which these begin. A number that comes again after more than a day is another transaction's.
func partsOf(docs []schema.Document) []part {
	var parts []part
	type id struct {
		source string
		number uint64
		known  bool
	}
	last := map[id]int{}
	for at := range docs {
		d := &docs[at]
		key := id{d.CDC.Source, d.CDC.TxID, d.CDC.HasTx}
		i, ok := last[key]
		if !ok || d.Time.After(parts[i].tx.span.to) || !key.known {
			i = len(parts)
			last[key] = i
			parts = append(parts, part{tx: txRef{source: key.source, number: key.number, span: daySpan{from: aroundDay(d.Time, -1)}}, known: key.known})
		}
		parts[i].tx.span.to = aroundDay(d.Time, 1)
		parts[i].at = append(parts[i].at, at)
	}
	return parts
}

func aroundDay(t time.Time, days int) time.Time { return t.AddDate(0, 0, days) }

// completeness finds out of each transaction whether it is complete.
func (s *Service) completeness(ctx context.Context, answer *Request, parts []part) error {
	var searches []Search
	var at []int
	for i, part := range parts {
		if !part.known {
			answer.Transactions[i].Reason = "these changes carry no transaction's number"
			continue
		}
		searches = append(searches, part.tx.reports())
		at = append(at, i)
	}
	reports := make([][]schema.Document, len(parts))
	if err := s.searchAll(ctx, searches, func(i int, p Page) { reports[at[i]] = p.Documents }); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, i := range at {
		group.Go(func() error {
			stored, err := s.stored(ctx, parts[i].tx)
			if err != nil {
				return err
			}
			t := &answer.Transactions[i]
			t.Complete, t.Tables, t.Reason = assess(stored, reports[i])
			return nil
		})
	}
	return group.Wait()
}

// together says whether all transactions are complete, and of the first that is not, why.
func together(transactions []Transaction) (complete *bool, reason string) {
	yes := true
	complete = &yes
	for i := range transactions {
		t := &transactions[i]
		switch {
		case t.Complete != nil && !*t.Complete:
			return t.Complete, t.Reason
		case t.Complete == nil && complete != nil:
			complete, reason = nil, t.Reason
		}
	}
	return complete, reason
}
