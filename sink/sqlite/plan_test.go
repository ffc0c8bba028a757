package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// explain returns how SQLite finds the documents of a search: one line for each way in.
func explainSearch(t *testing.T, r *Reader, s query.Search) []string {
	t.Helper()
	v := r.For([]string{schema.DefaultScope, "catalog"}).(*view)
	var plans []string
	err := v.read(t.Context(), func(ctx context.Context, q queryer) error {
		n := treeOf(s.Filter, false)
		ways, err := plan(ctx, q, n, sortingOf(s.Order))
		if err != nil {
			return err
		}
		for _, w := range ways {
			text, args := v.statement(w, n, s)
			rows, err := q.tx.QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
			if err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			var details []string
			for rows.Next() {
				var a, b, c int
				var detail string
				if err := rows.Scan(&a, &b, &c, &detail); err != nil {
					return err
				}
				details = append(details, detail)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
			plans = append(plans, strings.Join(details, "; "))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

// Every question that people ask often goes through the index that is there for it, in its order, and reads no more of it than it must.
func TestPlans(t *testing.T) {
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 20)...)
	entity := query.And{query.Is(query.FieldEntityType, "public.product"), query.Is(query.FieldEntityID, "1")}
	with := func(filters ...query.Filter) query.And { return append(slices.Clip(entity), filters...) }
	rows := query.Is(query.FieldKind, "row_version")
	until := query.Between{Field: query.FieldTime, To: commit.Add(time.Hour)}
	const (
		search      = "SEARCH document USING INDEX "
		lastThree   = "; USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY"
		throughTime = "(time,position)<(?,?)"
	)
	for _, test := range []struct {
		name   string
		filter query.Filter
		order  query.Order
		after  bool
		want   []string
	}{
		{"history", with(query.Equal{Field: query.FieldKind, Values: []string{"row_version", "named_version"}}), query.NewestFirst, false, []string{
			search + "document_by_entity (entity_type=? AND entity_id=? AND kind=?)" + lastThree, search + "document_by_entity (entity_type=? AND entity_id=? AND kind=?)" + lastThree}},
		{"history of any kind", entity, query.NewestFirst, false, []string{
			search + "document_by_entity (entity_type=? AND entity_id=? AND kind=?)" + lastThree, search + "document_by_entity (entity_type=? AND entity_id=? AND kind=?)" + lastThree}},
		{"history, next page", with(rows), query.NewestFirst, true, []string{search + "document_by_entity (entity_type=? AND entity_id=? AND kind=? AND (time,position)<(?,?))" + lastThree}},
		{"as of", query.Or{with(rows, until), query.And{query.Is(query.FieldEntityType, "public.product"), query.Is(query.FieldKind, "truncate"), until}}, query.NewestFirst, false, []string{
			search + "document_by_entity (entity_type=? AND entity_id=? AND kind=? AND time<?)" + lastThree, search + "document_by_truncate (entity_type=? AND time<?)" + lastThree}},
		{"as of, both with a time", query.And{until, query.Or{with(rows), query.And{query.Is(query.FieldEntityType, "public.product"), query.Is(query.FieldKind, "truncate")}}}, query.NewestFirst, false, []string{
			search + "document_by_entity (entity_type=? AND entity_id=? AND kind=? AND time<?)" + lastThree, search + "document_by_truncate (entity_type=? AND time<?)" + lastThree}},
		{"walk forward", with(rows, query.Is(query.FieldSource, "shop"), query.Beyond{Field: query.FieldPosition, Bound: "0001"}), query.CommitOrder, false,
			[]string{search + "document_by_commit (entity_type=? AND entity_id=? AND position>?)" + lastThree}},
		{"blame", with(query.Is(query.FieldChangeField, "price"), until), query.NewestFirst, false,
			[]string{search + "document_by_entity_field (entity_type=? AND entity_id=? AND field=? AND time<?)" + lastThree}},
		{"newest first", query.Equal{Field: query.FieldKind, Values: []string{"row_version"}}, query.NewestFirst, true, []string{search + "document_by_time (" + throughTime + ")" + lastThree}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := query.Search{Filter: test.filter, Order: test.order, Limit: 50}
			if test.after {
				s.After = &query.Key{Time: commit}
			}
			if got := explainSearch(t, r, s); !slices.Equal(got, test.want) {
				t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
