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
)

// Count implements query.Store.
func (v *view) Count(ctx context.Context, c query.Count) (query.Counts, error) {
	if err := c.Check(); err != nil {
		return query.Counts{}, err
	}
	var counts query.Counts
	err := v.read(ctx, func(ctx context.Context, q queryer) error {
		counts = query.Counts{}
		n := treeOf(c.Filter, false)
		found, err := v.found(ctx, q, n, unsorted)
		if err != nil {
			return err
		}
		if len(c.By) == 0 || slices.Contains(c.By, query.FieldRowFields) {
			err := q.rows(ctx, "SELECT count(*) FROM "+found.sql, found.args, func(rows *sql.Rows) (bool, error) { return false, rows.Scan(&counts.Total) })
			if err != nil || len(c.By) == 0 {
				return err
			}
			return buckets(ctx, q, c, found, &counts, false)
		}
		return buckets(ctx, q, c, found, &counts, true)
	})
	if err != nil {
		return query.Counts{}, err
	}
	return counts, nil
}

// found returns what comes behind FROM for all documents of a tree.
func (v *view) found(ctx context.Context, q queryer, n node, sorted sorting, groups ...query.Field) (condition, error) {
	ways, err := plan(ctx, q, n, sorted, groups...)
	if err != nil {
		return condition{}, err
	}
	where := allOf(compile(n), v.scope)
	switch {
	case len(ways) == 0:
		return condition{sql: "document WHERE 0"}, nil
	case len(ways) == 1 && ways[0].cond.sql == always.sql: // SQLite knows best which index to read as a whole
		return condition{"document WHERE " + where.sql, where.args}, nil
	case len(ways) == 1:
		cond := allOf(ways[0].cond, where)
		return condition{ways[0].from() + " WHERE " + cond.sql, cond.args}, nil
	}
	texts := make([]string, len(ways))
	var found condition
	for i, w := range ways {
		texts[i] = "SELECT seq FROM " + w.from() + " WHERE " + w.cond.sql
		found.args = append(found.args, w.cond.args...)
	}
	found.sql = "document NOT INDEXED WHERE seq IN (" + strings.Join(texts, " UNION ALL ") + ") AND " + where.sql
	found.args = append(found.args, where.args...)
	return found, nil
}

// key is a field by whose values is counted.
type key struct {
	value string // the value in SQL
	text  func(any) (string, error)
}

func keysOf(by []query.Field) []key {
	keys := make([]key, len(by))
	for i, f := range by {
		column := columnOf[f]
		k := key{value: column, text: asText}
		switch f {
		case query.FieldTime:
			// Whole days since 1970, rounded down also before.
			k.value = fmt.Sprintf("time / %d - (time %% %d < 0)", int64(24*time.Hour), int64(24*time.Hour))
			k.text = asDay
		case query.FieldRowFields:
			k.value = rowField
		}
		keys[i] = k
	}
	return keys
}

const rowField = "row_field.value"

func asText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a value to count by is %T, expected text", v)
	}
	return s, nil
}

func asDay(v any) (string, error) {
	n, ok := v.(int64)
	if !ok {
		return "", fmt.Errorf("a day is %T, expected an integer", v)
	}
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(n)).Format(time.DateOnly), nil
}

// grouped returns the beginning of a statement over groups, and what it counts: a document that has a value several times counts once.
func grouped(keys []key, found condition) (from, count string) {
	for _, k := range keys {
		if k.value == rowField {
			table, where, _ := strings.Cut(found.sql, " WHERE ")
			return table + ", " + eachName + " AS row_field WHERE " + where, "count(DISTINCT seq)"
		}
	}
	return found.sql, "count(*)"
}

func values(keys []key) string {
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = k.value
	}
	return strings.Join(texts, ", ")
}

// buckets counts by the values of fields, and adds the total up if it is wanted. No more buckets are in memory than a few times the limit.
func buckets(ctx context.Context, q queryer, c query.Count, found condition, counts *query.Counts, total bool) error {
	keys := keysOf(c.By)
	from, count := grouped(keys, found)
	cut := func() {
		slices.SortFunc(counts.Buckets, func(a, b query.Bucket) int { return compareBuckets(c.By, a, b) })
		for len(counts.Buckets) > c.Limit {
			last := len(counts.Buckets) - 1
			counts.Other += counts.Buckets[last].Count
			counts.Buckets = counts.Buckets[:last]
		}
	}
	raw := make([]any, len(keys)+1)
	to := make([]any, len(raw))
	for i := range raw {
		to[i] = &raw[i]
	}
	err := q.rows(ctx, "SELECT "+values(keys)+", "+count+" FROM "+from+" GROUP BY "+values(keys), found.args, func(rows *sql.Rows) (bool, error) {
		if err := rows.Scan(to...); err != nil {
			return false, err
		}
		n, _ := raw[len(keys)].(int64)
		if total {
			counts.Total += n
		}
		b := query.Bucket{Count: n}
		for i, k := range keys {
			if raw[i] == nil {
				return true, nil
			}
			s, err := k.text(raw[i])
			if err != nil {
				return false, err
			}
			b.Key = append(b.Key, s)
		}
		if counts.Buckets = append(counts.Buckets, b); len(counts.Buckets) >= 4*c.Limit+100 {
			cut()
		}
		return true, nil
	})
	cut()
	return err
}

func compareBuckets(by []query.Field, a, b query.Bucket) int {
	if by[0] == query.FieldTime {
		return slices.Compare(b.Key, a.Key)
	}
	if a.Count != b.Count {
		return cmp.Compare(b.Count, a.Count)
	}
	return slices.Compare(a.Key, b.Key)
}

// Groups implements query.Store.
func (v *view) Groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	var groups []query.Group
	err := v.read(ctx, func(ctx context.Context, q queryer) (err error) {
		groups, err = v.listGroups(ctx, q, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// groupStatement lists groups.
func (v *view) groupStatement(ctx context.Context, q queryer, g query.Groups) (string, []any, error) {
	keys := keysOf(g.By)
	behind := behind(keys, g)
	found, err := v.found(ctx, q, treeOf(g.Filter, false), byGroup, g.By...)
	if err != nil {
		return "", nil, err
	}
	from, count := grouped(keys, found)
	for _, k := range keys {
		from += " AND " + k.value + " IS NOT NULL"
	}
	text := "SELECT " + values(keys) + ", " + count + ", min(time), max(time) FROM " + from + " AND " + behind.sql + " GROUP BY " + values(keys) +
		" ORDER BY " + values(keys) + " LIMIT " + strconv.Itoa(g.Limit)
	return text, slices.Concat(found.args, behind.args), nil
}

func (v *view) listGroups(ctx context.Context, q queryer, g query.Groups) ([]query.Group, error) {
	text, args, err := v.groupStatement(ctx, q, g)
	if err != nil {
		return nil, err
	}
	keys := keysOf(g.By)
	raw := make([]any, len(keys))
	var to []any
	for i := range raw {
		to = append(to, &raw[i])
	}
	var groups []query.Group
	err = q.rows(ctx, text, args, func(rows *sql.Rows) (bool, error) {
		var found query.Group
		var first, last int64
		if err := rows.Scan(append(to, &found.Count, &first, &last)...); err != nil {
			return false, err
		}
		for i, k := range keys {
			s, err := k.text(raw[i])
			if err != nil {
				return false, err
			}
			found.Key = append(found.Key, s)
		}
		found.First, found.Last = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		groups = append(groups, found)
		return true, nil
	})
	return groups, err
}

// behind holds for the groups behind a key.
func behind(keys []key, g query.Groups) condition {
	if g.After == nil {
		return always
	}
	args := make([]any, len(g.After))
	for i, text := range g.After {
		args[i] = text
	}
	return condition{"(" + values(keys) + ") > (?" + strings.Repeat(", ?", len(args)-1) + ")", args}
}
