package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestReplayOfTheTruth: the expected answers themselves follow a row across its keys, and end it where its table is emptied.
func TestReplayOfTheTruth(t *testing.T) {
	at := func(tx uint32) time.Time { return time.Date(2026, 11, 23, 0, int(tx), 0, 0, time.UTC) }
	row := func(id, content string) image {
		return image{{"id", "integer", &id}, {"content", "text", &content}}
	}
	change := func(seq int64, tx uint32, op string, old, current image) truthRow {
		return truthRow{Seq: seq, Tx: tx, Table: "public.scratch", Op: op, Key: []string{"id"}, Old: old, New: current, Context: nobody}
	}
	tr := truth{Rows: []truthRow{
		change(1, 1, "i", nil, row("1", "a")),
		change(2, 2, "u", row("1", "a"), row("2", "b")), // another key
		change(3, 2, "i", nil, row("1", "c")),           // a new row under the old one
		change(4, 3, "d", row("2", "b"), nil),
		change(5, 4, "t", nil, nil),
	}}
	for tx := range uint32(4) {
		tr.Commits = append(tr.Commits, commit{tx + 1, at(tx + 1)})
	}
	w := newWorld("s", tr, "main")
	const one, two = "public.scratch/1", "public.scratch/2"
	states := func(entity string) (all []string) {
		for tx := range uint32(5) {
			if s := w.asOf(entity, at(tx)); s != nil {
				all = append(all, fmt.Sprint(s.status, s.movedTo, s.shown()))
			} else {
				all = append(all, "not yet")
			}
		}
		return all
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"1", states(one), []string{"not yet", `present[{id 1} {content "a"}]`, `present[{id 1} {content "c"}]`, `present[{id 1} {content "c"}]`, "truncated[]"}},
		{"2", states(two), []string{"not yet", "not yet", `present[{id 2} {content "b"}]`, "deleted[]", "deleted[]"}},
		{"other ids of 1", w.also(one), []string{two}},
		{"other ids of 2", w.also(two), []string{one}},
		{"history of 1", seqs(w.history(one)), []string{"5 truncate", "4 delete", "3 create", "2 rekey", "1 create"}},
		{"history of 2", seqs(w.history(two)), []string{"4 delete", "2 rekey", "1 create"}},
		{"2 before it was", []string{fmt.Sprint(w.follow(two, at(1)).shown())}, []string{`[{id 1} {content "a"}]`}},
		{"a difference", []string{fmt.Sprint(rowDifferences([]value{{"a", "1"}, {"b", "2"}}, []value{{"a", "3"}, {"c", "4"}}))}, []string{"[{a 1 3} {c (absent) 4} {b 2 (absent)}]"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}

func seqs(items []item) (all []string) {
	for _, i := range items {
		all = append(all, fmt.Sprint(i.Seq, " ", i.Action))
	}
	return all
}

// TestDiffer: what is missing, too much, different or in another order is seen; only within a loose group is an order none.
func TestDiffer(t *testing.T) {
	lines := func(texts ...string) (all []line) {
		for _, text := range texts {
			all = append(all, line{text[:1], text})
		}
		return all
	}
	for _, c := range []struct {
		want, got []line
		loose, ok bool
	}{
		{lines("a1", "a2", "b1"), lines("a1", "a2", "b1"), false, true},
		{lines("a1", "a2", "b1"), lines("a2", "a1", "b1"), true, true},
		{lines("a1", "a2", "b1"), lines("a2", "a1", "b1"), false, false},
		{lines("a1", "b1"), lines("b1", "a1"), true, false},
		{lines("a1", "a2"), lines("a1"), true, false},
		{lines("a1"), lines("a1", "a1"), true, false},
		{lines("a1"), lines("a2"), true, false},
		{nil, nil, false, true},
	} {
		if difference := differ(c.want, c.got, c.loose); (difference == "") != c.ok {
			t.Errorf("%v and %v, loose %v: %q", c.want, c.got, c.loose, difference)
		}
	}
}
