package sqlite

import (
	"context"
	"database/sql"
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
			found, err := explainStatement(ctx, q, text, args)
			if err != nil {
				return err
			}
			plans = append(plans, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

func explainStatement(ctx context.Context, q queryer, text string, args []any) (string, error) {
	var details []string
	err := q.rows(ctx, "EXPLAIN QUERY PLAN "+text, args, func(rows *sql.Rows) (bool, error) {
		var a, b, c int
		var detail string
		err := rows.Scan(&a, &b, &c, &detail)
		details = append(details, detail)
		return true, err
	})
	return strings.Join(details, "; "), err
}

// Every question that people ask often goes through the index that is there for it, in its order, and reads no more of it than it must.
func TestPlans(t *testing.T) {
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 20)...)
	is := query.Is
	entity := query.And{is(query.FieldEntityType, "public.product"), is(query.FieldEntityID, "1")}
	of := func(kind string, filters ...query.Filter) query.And {
		return append(query.And{is(query.FieldKind, kind), entity}, filters...)
	}
	until := query.Between{Field: query.FieldTime, To: commit.Add(time.Hour)}
	upTo := query.Not{Filter: query.Beyond{Field: query.FieldPosition, Bound: "0001"}}
	shop := is(query.FieldSource, "shop")
	const thing = "entity_id=? AND entity_type=?"
	for _, test := range []struct {
		name   string
		filter query.Filter
		order  query.Order
		after  bool
		want   string // the ways in; "sort" where their order is not the wanted one
	}{
		{"history", query.And{query.Equal{Field: query.FieldKind, Values: []string{"row_version", "named_version"}}, entity}, query.NewestFirst, false,
			"entity (" + thing + " AND kind=?), entity (" + thing + " AND kind=?)"},
		{"history of any kind", entity, query.NewestFirst, false, "entity (" + thing + " AND kind=?), entity (" + thing + " AND kind=?)"},
		{"history, next page", of(rowVersion), query.NewestFirst, true, "entity (" + thing + " AND kind=? AND (time,position)<(?,?))"},
		{"history with truncates", query.Or{of(rowVersion, until), query.And{is(query.FieldEntityType, "public.product"), is(query.FieldKind, "truncate"), until}}, query.NewestFirst,
			false, "entity (" + thing + " AND kind=? AND time<?), truncate (entity_type=? AND time<?)"},
		{"history by a user", query.And{of(rowVersion), query.Or{is(query.FieldUserID, "u"), is(query.FieldUserName, "u")}}, query.NewestFirst, false, "entity (" + thing + " AND kind=?)"},
		{"as of", of(rowVersion, until), query.NewestFirst, false, "entity (" + thing + " AND kind=? AND time<?)"},
		{"walk forward", of(rowVersion, shop, query.Beyond{Field: query.FieldPosition, Bound: "0001"}), query.CommitOrder, false, "commit (" + thing + " AND position>?)"},
		{"just before", of(rowVersion, shop, upTo), query.CommitOrderReverse, false, "commit (" + thing + " AND position<?)"},
		{"blame", of(fieldChange, is(query.FieldChangeField, "price"), shop, upTo), query.CommitOrderReverse, false, "entity_field (" + thing + " AND field=? AND position<?)"},
		{"changes of the key", of(rowVersion, is(query.FieldAction, "rekey")), query.NewestFirst, false, "turn (" + thing + ")"},
		{"truncates", query.And{is(query.FieldKind, "truncate"), is(query.FieldEntityType, "t"), shop, until}, query.CommitOrderReverse, false, "truncate (entity_type=? AND time<?) sort"},
		{"state in a version", of(rowVersion, is(query.FieldVersionName, "v")), query.NewestFirst, false, "entity_version (" + thing + " AND version_name=?)"},
		{"newest first", is(query.FieldKind, rowVersion), query.NewestFirst, true, "time ((time,position)<(?,?))"},
		{"newest of a type", query.And{is(query.FieldKind, rowVersion), is(query.FieldEntityType, "t"), until}, query.NewestFirst, false, "type (entity_type=? AND time<?)"},
		{"newest of a user", query.Or{is(query.FieldUserID, "u"), is(query.FieldUserName, "u"), is(query.FieldUserEmail, "u")}, query.OldestFirst, false,
			"user (user_id=?), user_name (user_name=?), user_email (user_email=?)"},
		{"field anywhere", query.And{is(query.FieldKind, fieldChange), is(query.FieldChangeField, "price"), until}, query.NewestFirst, false, "field (field=? AND time<?)"},
		{"request", query.And{is(query.FieldKind, rowVersion), query.Or{is(query.FieldRequestID, "r"), is(query.FieldCorrelationID, "r")}}, query.OldestFirst, false,
			"request (request_id=?), correlation (correlation_id=?)"},
		{"transaction", query.And{is(query.FieldKind, rowVersion), shop, is(query.FieldTxID, "7")}, query.CommitOrder, true,
			"transaction (tx_id=? AND source=? AND kind=? AND (position,time)>(?,?))"},
		{"version", is(query.FieldVersionName, "v"), query.NewestFirst, false, "version (version_name=?)"},
		{"feedback", is(query.FieldKind, "feedback"), query.NewestFirst, false, "rare_kind (kind=?)"},
		{"events", query.And{is(query.FieldKind, fieldChange), query.Equal{Field: query.FieldEventID, Values: []string{"a", "b"}}}, query.NewestFirst, false, "event (event_id=?) sort"},
		{"children", query.And{is(query.FieldParentType, "supplier"), is(query.FieldParentID, "8")}, query.NewestFirst, false, "parent (parent_id=? AND parent_type=?)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := query.Search{Filter: test.filter, Order: test.order, Limit: 50}
			if test.after {
				s.After = &query.Key{Time: commit, Position: "1"}
			}
			plans := explainSearch(t, r, s)
			for i, plan := range plans {
				plan = strings.TrimPrefix(plan, "SEARCH document USING INDEX document_by_")
				plan = strings.TrimSuffix(plan, "; USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY")
				plans[i] = strings.Replace(plan, "; USE TEMP B-TREE FOR ORDER BY", " sort", 1)
			}
			if got := strings.Join(plans, ", "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// What is grouped by entity, or by an entity's versions, is read in order, and no further than the page.
func TestGroupPlans(t *testing.T) {
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 20)...)
	rows := query.Is(query.FieldKind, rowVersion)
	byEntity := []query.Field{query.FieldEntityType, query.FieldEntityID}
	for _, test := range []struct {
		name   string
		groups query.Groups
		want   string
	}{
		{"children", query.Groups{Filter: query.And{rows, query.Is(query.FieldParentType, "supplier"), query.Is(query.FieldParentID, "7")}, By: byEntity},
			"parent_entity (parent_id=? AND parent_type=? AND (entity_type,entity_id)>(?,?))"},
		{"a version's entities", query.Groups{Filter: query.And{rows, query.Is(query.FieldVersionName, "v")}, By: byEntity},
			"version_entity (version_name=? AND (entity_type,entity_id)>(?,?))"},
		{"an entity's versions", query.Groups{Filter: query.And{rows, query.Is(query.FieldEntityType, "t"), query.Is(query.FieldEntityID, "1")}, By: []query.Field{query.FieldVersionName}},
			"entity_version (entity_id=? AND entity_type=? AND version_name>?)"},
		{"versions", query.Groups{Filter: query.Equal{Field: query.FieldKind, Values: []string{rowVersion, "named_version"}}, By: []query.Field{query.FieldVersionName}},
			"version (version_name>?)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.groups.Limit = 10
			test.groups.After = make([]string, len(test.groups.By))
			v := r.For(nil).(*view)
			var got string
			err := v.read(t.Context(), func(ctx context.Context, q queryer) error {
				text, args, err := v.groupStatement(ctx, q, test.groups)
				if err == nil {
					got, err = explainStatement(ctx, q, text, args)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if got = strings.NewReplacer("SEARCH document USING INDEX document_by_", "", "SEARCH document USING COVERING INDEX document_by_", "").Replace(got); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
