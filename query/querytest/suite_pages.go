package querytest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

var orders = []query.Order{query.NewestFirst, query.OldestFirst, query.CommitOrder, query.CommitOrderReverse}

// tied returns documents that stand so close that only the last parts of their keys tell them apart, in several months and scopes.
func tied() []schema.Document {
	var docs []schema.Document
	for _, month := range []int{-14, -1, 0} {
		for _, after := range []time.Duration{0, 1} {
			for _, position := range []string{"", "1", "10", "2"} {
				for _, id := range []string{"a", "b"} {
					d := document(fmt.Sprintf("%s-%d-%d-%s", id, month, after, position), at(commit.AddDate(0, month, 0).Add(after)), placed(position))
					d.Scope = scopes[(len(docs)+month+14)%len(scopes)]
					docs = append(docs, d)
					for _, field := range []string{"", "A", "a", "ä", "b"} {
						change := d
						change.Kind, change.Change = schema.DocumentFieldChange, schema.FieldChange{Field: field, Current: present("1")}
						docs = append(docs, change)
					}
				}
			}
		}
	}
	return docs
}

// testOrders reads ties in every order, in pages of one size that divides nothing.
func testOrders(t *testing.T, open Open) {
	write, store := open(t)
	docs := tied()
	mixed := slices.Clone(docs)
	newGenerator(3).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	write(mixed...)
	for _, order := range orders {
		want := slices.Clone(docs)
		slices.SortFunc(want, func(a, b schema.Document) int { return order.Compare(query.KeyOf(&a), query.KeyOf(&b)) })
		for _, limit := range []int{17, len(docs), query.MaxLimit} {
			s := query.Search{Order: order, Limit: limit}
			var got []schema.Document
			for {
				p := search(t, store, s)
				got = append(got, p.Documents...)
				if !p.More || len(p.Documents) == 0 || len(got) > len(want) {
					break
				}
				key := query.KeyOf(&p.Documents[len(p.Documents)-1])
				s.After = &key
			}
			if d := difference(query.Page{Documents: got}, query.Page{Documents: want}); d != "" {
				t.Errorf("order %d in pages of %d: %s", order, limit, d)
			}
		}
	}
}

// testPages reads pages while documents are added before and behind the place: each that was there is given once, and so is each that was added behind.
func testPages(t *testing.T, open Open) {
	for _, order := range orders {
		t.Run(fmt.Sprintf("order %d", order), func(t *testing.T) {
			write, store := open(t)
			all := tied()
			there, late := all[:len(all)/2], all[len(all)/2:]
			newGenerator(uint64(order)).Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
			write(there...)
			memory := NewMemory(there...)
			s := query.Search{Order: order, Limit: 20}
			for page := 0; ; page++ {
				want, _ := memory.Search(t.Context(), s)
				got := search(t, store, s)
				if d := difference(got, want[0]); d != "" {
					t.Fatalf("page %d: %s", page, d)
				}
				if !got.More {
					break
				}
				key := query.KeyOf(&got.Documents[len(got.Documents)-1])
				s.After = &key
				if n := min(10, len(late)); n > 0 {
					write(late[:n]...)
					memory.Add(late[:n]...)
					late = late[n:]
				}
			}
		})
	}
}

// testLargePages reads documents of megabytes: a page holds no more than it may, and what does not fit comes with the next.
func testLargePages(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("writes some sixty megabytes")
	}
	write, store := open(t)
	sizes := []int{5, 5, 5, 5, 1, 18, 1, 1}
	for i, megabytes := range sizes {
		d := document(fmt.Sprintf("d%d", i), at(commit.Add(time.Duration(i))))
		large := make([]byte, megabytes<<20)
		for i := range large {
			large[i] = 'x'
		}
		large[0], large[len(large)-1] = '"', '"'
		d.After = schema.Row{{Name: "text", Value: schema.Value{State: schema.Present, JSON: large}}}
		write(d)
	}
	s := query.Search{Order: query.OldestFirst, Limit: 100}
	next := 0
	for {
		p := search(t, store, s)
		bytes := 0
		for i := range p.Documents {
			d := &p.Documents[i]
			bytes += len(text(d))
			if want := fmt.Sprintf("d%d", next); d.EventID != want {
				t.Fatalf("%s comes where %s should", d.EventID, want)
			}
			next++
		}
		if len(p.Documents) == 0 || len(p.Documents) > 1 && bytes > query.MaxPageBytes+query.MaxPageBytes/10 {
			t.Fatalf("a page of %d documents and %d bytes", len(p.Documents), bytes)
		}
		if !p.More {
			break
		}
		key := query.KeyOf(&p.Documents[len(p.Documents)-1])
		s.After = &key
	}
	if next != len(sizes) {
		t.Errorf("%d documents, want %d", next, len(sizes))
	}
}
