package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// found is a question in the language of searches, and what it means: of changes of rows, or of changes of fields.
type found struct {
	q     string
	row   func(*event) bool
	field func(*event, change) bool
	from  string
	to    string
}

func (w *world) searchQuestions() []question {
	var all []question
	for _, f := range w.searches() {
		newest := w.finds(f)
		q := question{kind: "search", path: path([]string{"changes"}, "q", f.q, "limit", "1000", "from", f.from, "to", f.to), read: readItems, want: newest, loose: true}
		all = append(all, q)
		if len(newest) < 500 {
			q.path = path([]string{"changes"}, "q", f.q, "limit", "50", "order", "asc", "from", f.from, "to", f.to)
			q.want = slices.Clone(newest)
			slices.Reverse(q.want)
			all = append(all, q)
		}
	}
	return all
}

// finds is what a search must find, newest first.
func (w *world) finds(f found) []line {
	events := slices.Clone(w.events)
	slices.SortStableFunc(events, func(a, b *event) int { return b.Time.Compare(a.Time) })
	var all []line
	for _, e := range events {
		if f.field == nil {
			if f.row(e) {
				all = append(all, e.told())
			}
			continue
		}
		for _, c := range e.fieldChanges() {
			if f.field(e, c) {
				all = append(all, toldOf(e, "change", []change{c}))
			}
		}
	}
	return all
}

// searches are those whose meaning the truth can tell.
func (w *world) searches() []found {
	known := w.known()
	price := func(c change) float64 { n, _ := strconv.ParseFloat(strings.Trim(c.Current, `"`), 64); return n }
	network := netip.MustParsePrefix("192.0.2.16/28")
	day := w.end.Format(time.DateOnly)
	middle := w.events[len(w.events)/2].Time
	rows := func(q string, f func(*event) bool) found { return found{q: q, row: f} }
	fields := func(q string, f func(*event, change) bool) found { return found{q: q, field: f} }
	return []found{
		rows("", func(*event) bool { return true }),
		rows("user:"+known.User, func(e *event) bool { return e.Context.User == known.User }),
		rows("user:"+known.Email, func(e *event) bool { return e.Context.Email == known.Email }),
		rows("user:"+quoted(known.Name), func(e *event) bool { return e.Context.Name == known.Name }),
		rows("user:u1*", func(e *event) bool { return strings.HasPrefix(e.Context.User, "u1") }),
		rows("user:u?,u1?", func(e *event) bool {
			return len(e.Context.User) == 2 || strings.HasPrefix(e.Context.User, "u1") && len(e.Context.User) == 3
		}),
		rows("-user:*", func(e *event) bool { return e.Context.User == "" }),
		rows("-user:u1,u2,u3 user:*", func(e *event) bool {
			return e.Context.User != "" && !slices.Contains([]string{"u1", "u2", "u3"}, e.Context.User)
		}),
		rows("type:product,supplier action:delete", func(e *event) bool {
			return (e.EntityType == "product" || e.EntityType == "supplier") && e.Action == "delete"
		}),
		rows("type:public.* -type:public.bulk,public.measurement action:create", func(e *event) bool {
			return strings.HasPrefix(e.EntityType, "public.") && e.EntityType != "public.bulk" && e.EntityType != "public.measurement" && e.Action == "create"
		}),
		rows("action:rekey", func(e *event) bool { return e.Action == "rekey" }),
		rows("action:truncate", func(e *event) bool { return e.Action == "truncate" }),
		rows("kind:truncate", func(e *event) bool { return e.Action == "truncate" }),
		rows("kind:change table:scratch", func(e *event) bool { return e.Action != "truncate" && e.Table == "public.scratch" }),
		rows("table:public.scratch,document", func(e *event) bool { return e.Table == "public.scratch" || e.Table == "public.document" }),
		rows("entity:product/1", func(e *event) bool { return e.EntityType == "product" && e.ID == "1" }),
		rows("entity:1,10", func(e *event) bool { return e.ID == "1" || e.ID == "10" }),
		rows("parent:supplier/1,supplier/2", func(e *event) bool { return e.Parent == "supplier/1" || e.Parent == "supplier/2" }),
		rows("parent:80", func(e *event) bool { return strings.HasSuffix(e.Parent, "/80") }),
		rows("context:unattributed", func(e *event) bool { return e.Context.Status == "unattributed" }),
		rows("context:ambiguous", func(e *event) bool { return e.Context.Status == "ambiguous" }),
		rows("route:table action:update", func(e *event) bool { return e.Context.Route == "table" && e.Action == "update" }),
		rows("route:columns", func(e *event) bool { return e.Context.Route == "columns" }),
		rows("ip:"+known.IP, func(e *event) bool { return e.Context.IP == known.IP }),
		rows("ip:192.0.2.16/28", func(e *event) bool {
			ip, err := netip.ParseAddr(e.Context.IP)
			return err == nil && network.Contains(ip)
		}),
		rows("service:shop -action:create,update", func(e *event) bool {
			return e.Context.Service == "shop" && e.Action != "create" && e.Action != "update"
		}),
		rows("reason:"+quoted(known.Reason), func(e *event) bool { return e.Context.Reason == known.Reason }),
		rows("reason:*1?", func(e *event) bool { n := len(e.Context.Reason); return n >= 2 && e.Context.Reason[n-2] == '1' }),
		rows("request:"+known.Correlation, func(e *event) bool { return e.Context.Correlation == known.Correlation }),
		rows("request:"+known.Request, func(e *event) bool { return e.Context.Request == known.Request }),
		rows("version:"+quoted("Baseline 11 of "+w.source), func(e *event) bool { return e.Context.Version == "Baseline 11 of "+w.source }),
		rows("version:*", func(e *event) bool { return e.Context.Version != "" }),
		rows(fmt.Sprint("tx:", w.events[0].Tx, " source:", w.source), func(e *event) bool { return e.Tx == w.events[0].Tx }),
		rows("source:nowhere", func(*event) bool { return false }),
		rows("scope:default", func(*event) bool { return false }),
		rows("scope:"+scopeOf("catalog", w.source)+" action:delete", func(e *event) bool { return e.Scope == scopeOf("catalog", w.source) && e.Action == "delete" }),
		rows("action:delete created:"+day, func(e *event) bool { return e.Action == "delete" && e.Time.Format(time.DateOnly) == day }),
		rows("action:update created:>="+middle.Format(time.RFC3339Nano), func(e *event) bool { return e.Action == "update" && !e.Time.Before(middle) }),
		rows("action:delete created:<"+middle.Format(time.RFC3339Nano), func(e *event) bool { return e.Action == "delete" && e.Time.Before(middle) }),
		{q: "action:delete", from: middle.Format(time.RFC3339Nano), row: func(e *event) bool { return e.Action == "delete" && !e.Time.Before(middle) }},
		{q: "action:delete", to: middle.Format(time.RFC3339Nano), row: func(e *event) bool { return e.Action == "delete" && e.Time.Before(middle) }},

		fields("field:price", func(_ *event, c change) bool { return c.Field == "price" }),
		fields("field:price new:>900", func(_ *event, c change) bool { return c.Field == "price" && price(c) > 900 }),
		fields("field:price new:1.50..99.50", func(_ *event, c change) bool {
			return c.Field == "price" && c.Current != "null" && price(c) >= 1.5 && price(c) <= 99.5
		}),
		fields("new:99.50", func(_ *event, c change) bool { return c.Current == `"99.50"` }),
		fields("old:null", func(_ *event, c change) bool { return c.Previous == "null" }),
		fields("new:null action:update", func(e *event, c change) bool { return c.Current == "null" && e.Action == "update" }),
		fields(`new:"" type:supplier`, func(e *event, c change) bool { return c.Current == `""` && e.EntityType == "supplier" }),
		fields("value:9007199254740993", func(_ *event, c change) bool {
			return c.Current == "9007199254740993" || c.Previous == "9007199254740993"
		}),
		fields("new:after*", func(_ *event, c change) bool { return strings.HasPrefix(c.Current, `"after`) }),
		fields("field:name type:supplier user:u1,u2 action:update", func(e *event, c change) bool {
			return c.Field == "name" && e.EntityType == "supplier" && (e.Context.User == "u1" || e.Context.User == "u2") && e.Action == "update"
		}),
		fields("field:line action:rekey", func(e *event, c change) bool { return c.Field == "line" && e.Action == "rekey" }),
		fields("field:secret", func(_ *event, c change) bool { return c.Field == "secret" }),
		fields("field:internal", func(*event, change) bool { return false }),
		fields("renamed", func(_ *event, c change) bool { return says(c, "renamed") }),
		fields(`"after the short"`, func(_ *event, c change) bool { return says(c, "after", "the", "short") }),
		fields("muller", func(_ *event, c change) bool { return says(c, "müller") }),
		fields("middle type:supplier -field:country", func(e *event, c change) bool {
			return says(c, "middle") && e.EntityType == "supplier" && c.Field != "country"
		}),
		fields("paris", func(_ *event, c change) bool { return says(c, "paris") }),
	}
}

// known is somebody of the truth, of whom everything is known.
func (w *world) known() who {
	for _, e := range w.events[len(w.events)/3:] {
		if e.Context.Request != "" && e.Context.Email != "" {
			return e.Context
		}
	}
	panic("the truth knows nobody")
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// says looks for words next to each other in the values of a change.
func says(c change, words ...string) bool {
	for _, text := range []string{c.Previous, c.Current} {
		all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for i := range all {
			if len(all) >= i+len(words) && slices.Equal(all[i:i+len(words)], words) {
				return true
			}
		}
	}
	return false
}

// counted is one line of a count.
type counted struct {
	key   string
	count int
}

func (w *world) countQuestions() []question {
	by := map[string]func(*event) string{
		"user":    func(e *event) string { return e.Context.User },
		"type":    func(e *event) string { return e.EntityType },
		"day":     func(e *event) string { return e.Time.Format(time.DateOnly) },
		"action":  func(e *event) string { return e.Action },
		"context": func(e *event) string { return e.Context.Status },
		"version": func(e *event) string { return e.Context.Version },
		"entity": func(e *event) string {
			if e.ID == "" {
				return ""
			}
			return e.EntityType + "/" + e.ID
		},
	}
	conditions := []found{
		{q: "", row: func(*event) bool { return true }},
		{q: "type:product", row: func(e *event) bool { return e.EntityType == "product" }},
		{q: "user:u1,u2,u3 -action:create", row: func(e *event) bool {
			return slices.Contains([]string{"u1", "u2", "u3"}, e.Context.User) && e.Action != "create"
		}},
		{q: "source:nowhere", row: func(*event) bool { return false }},
	}
	var all []question
	for _, f := range conditions {
		for _, name := range sortedKeys(by) {
			counts, total := map[string]int{}, 0
			for _, e := range w.events {
				if f.row(e) {
					total++
					if key := by[name](e); key != "" {
						counts[key]++
					}
				}
			}
			all = append(all, countQuestion(name, f.q, counts, total, 1000), countQuestion(name, f.q, counts, total, 3))
		}
		counts, total := map[string]int{}, 0
		for _, e := range w.events {
			if f.row(e) {
				for _, c := range e.fieldChanges() {
					counts[c.Field]++
					total++
				}
			}
		}
		all = append(all, countQuestion("field", f.q, counts, total, 1000), countQuestion("field", f.q, counts, total, 2))
	}
	return all
}

// countQuestion asks for the most frequent; of those that are as frequent as the last shown, the truth does not say which.
func countQuestion(by, q string, counts map[string]int, total, limit int) question {
	var all []counted
	for key, n := range counts {
		all = append(all, counted{key, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key)) })
	if by == "day" {
		slices.SortFunc(all, func(a, b counted) int { return cmp.Compare(b.key, a.key) })
	}
	other := 0
	for _, c := range all[min(limit, len(all)):] {
		other += c.count
	}
	want := plain(fmt.Sprintf("total %d, other %d", total, other))
	for _, c := range all[:min(limit, len(all))] {
		l := line{fmt.Sprint(c.count), fmt.Sprintf("%d %s", c.count, c.key)}
		if limit < len(all) {
			l.text = fmt.Sprint(c.count)
		}
		want = append(want, l)
	}
	few := limit < len(all)
	return question{kind: "counts", path: path([]string{"counts"}, "by", by, "q", q, "limit", fmt.Sprint(limit)), want: want, loose: true, read: func(page []byte) ([]line, error) {
		var answer struct {
			By           string
			Total, Other int
			Items        []struct {
				Key   json.RawMessage
				Count int
			}
		}
		if err := json.Unmarshal(page, &answer); err != nil {
			return nil, err
		}
		lines := plain(fmt.Sprintf("total %d, other %d", answer.Total, answer.Other))
		for _, i := range answer.Items {
			var ref struct{ Type, ID string }
			var text string
			if json.Unmarshal(i.Key, &text) != nil && json.Unmarshal(i.Key, &ref) == nil {
				text = ref.Type + "/" + ref.ID
			}
			l := line{fmt.Sprint(i.Count), fmt.Sprintf("%d %s", i.Count, text)}
			if few {
				l.text = fmt.Sprint(i.Count)
			}
			lines = append(lines, l)
		}
		return lines, nil
	}}
}
