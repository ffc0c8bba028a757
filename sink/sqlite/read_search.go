package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossier/query"
	"dossier/schema"
)

// Search implements query.Store.
func (v *view) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	for _, s := range searches {
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	pages := make([]query.Page, len(searches))
	err := v.read(ctx, func(ctx context.Context, q queryer) error {
		for i, s := range searches {
			var err error
			if pages[i], err = v.search(ctx, q, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pages, nil
}

// place is where a document stands in an order. The position in its key is packed, which sorts the same.
type place struct {
	seq int64
	key query.Key
}

func (v *view) search(ctx context.Context, q queryer, s query.Search) (query.Page, error) {
	n := treeOf(s.Filter, false)
	ways, err := plan(ctx, q, n, sortingOf(s.Order))
	if err != nil {
		return query.Page{}, err
	}
	var places []place
	for _, w := range ways {
		text, args := v.statement(w, n, s)
		err := q.rows(ctx, text, args, func(rows *sql.Rows) (bool, error) {
			var p place
			var nanoseconds int64
			err := rows.Scan(&p.seq, &nanoseconds, &p.key.Position, &p.key.EventID, &p.key.Kind, &p.key.Field)
			p.key.Time = time.Unix(0, nanoseconds)
			places = append(places, p)
			return true, err
		})
		if err != nil {
			return query.Page{}, err
		}
	}
	if len(ways) > 1 { // a document may be found in several
		slices.SortFunc(places, func(a, b place) int { return cmp.Or(s.Order.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq)) })
		places = slices.CompactFunc(places, func(a, b place) bool { return a.seq == b.seq })
	}
	return fetch(ctx, q, places, s.Limit)
}

// statement finds the places of a page on one way in.
func (v *view) statement(w way, n node, s query.Search) (string, []any) {
	where := allOf(w.cond, compile(n), v.scope, after(s.Order, s.After))
	return "SELECT seq, time, position, event_id, kind, ifnull(field, '') FROM " + w.from() + " WHERE " + where.sql + orderBy(s.Order) + " LIMIT " + strconv.Itoa(s.Limit+1), where.args
}

// orderBy is an order in SQL, the one that query.Order.Compare gives.
func orderBy(o query.Order) string {
	direction := " ASC"
	if o == query.NewestFirst || o == query.CommitOrderReverse {
		direction = " DESC"
	}
	return " ORDER BY " + strings.Join(orderColumns(o), direction+", ") + direction
}

func orderColumns(o query.Order) []string {
	if sortingOf(o) == byCommit {
		return []string{"position", "time", "event_id", "kind", "ifnull(field, '')"}
	}
	return []string{"time", "position", "event_id", "kind", "ifnull(field, '')"}
}

// after holds for what comes behind a key.
func after(o query.Order, k *query.Key) condition {
	if k == nil {
		return always
	}
	args := []any{nanoseconds(k.Time), pack(k.Position), k.EventID, string(k.Kind), k.Field}
	if sortingOf(o) == byCommit {
		args[0], args[1] = args[1], args[0]
	}
	operator := " > "
	if o == query.NewestFirst || o == query.CommitOrderReverse {
		operator = " < "
	}
	return condition{"(" + strings.Join(orderColumns(o), ", ") + ")" + operator + "(?, ?, ?, ?, ?)", args}
}

// fetch reads the documents of a page, as many as may be in one.
func fetch(ctx context.Context, q queryer, places []place, limit int) (query.Page, error) {
	var page query.Page
	size := 0
	for i, p := range places {
		if i == limit {
			page.More = true
			break
		}
		var json []byte
		err := q.rows(ctx, "SELECT json FROM document_json WHERE seq = ?", []any{p.seq}, func(rows *sql.Rows) (bool, error) { return false, rows.Scan(&json) })
		if err != nil {
			return query.Page{}, err
		}
		if size += len(json); i > 0 && size > query.MaxPageBytes {
			page.More = true
			break
		}
		d, _, err := schema.ParseDocument(json)
		if err != nil {
			return query.Page{}, fmt.Errorf("document %s of event %s: %w", p.key.Kind, p.key.EventID, err)
		}
		page.Documents = append(page.Documents, d)
	}
	return page, nil
}
