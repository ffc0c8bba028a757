package query

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

func cursorService(now time.Time) *Service { return &Service{Now: func() time.Time { return now }} }

func TestCursorReturnsToItsPlace(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 7, time.UTC)
	s := cursorService(now)
	for _, at := range []place{
		{key: &Key{Time: now.Add(-time.Hour), Position: "1-2-3", EventID: "e/1 ü", Kind: schema.DocumentFieldChange, Field: "a,b\x00"}},
		{key: &Key{Time: time.Unix(0, 0).UTC()}},
		{group: []string{"product", "1/2"}},
		{group: []string{""}},
		{key: &Key{Time: now, EventID: "e"}, group: []string{"x"}},
	} {
		first, err := s.page(PageQuery{Limit: 7}, "history", "product", "1")
		if err != nil {
			t.Fatal(err)
		}
		cursor := first.next(at)
		later := cursorService(now.Add(time.Minute))
		second, err := later.page(PageQuery{Limit: 9, Cursor: cursor}, "history", "product", "1")
		if err != nil {
			t.Fatalf("%+v: %v", at, err)
		}
		if !reflect.DeepEqual(second.after, at) || second.limit != 9 || !second.now.Equal(now) {
			t.Errorf("got %+v, want the place %+v and the first page's time", second, at)
		}
	}
}

func TestCursorRefuses(t *testing.T) {
	s := cursorService(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	question := []string{"history", "product", "1"}
	first, _ := s.page(PageQuery{}, question...)
	good := first.next(place{key: &Key{Time: time.Unix(1, 2).UTC(), Position: "p", EventID: "e"}})

	refused := func(name string, q PageQuery, parameter string, question ...string) {
		t.Helper()
		_, err := s.page(q, question...)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeInvalid || e.Parameter != parameter {
			t.Errorf("%s: got %v, want an error for %s", name, err, parameter)
		}
	}
	refused("another question", PageQuery{Cursor: good}, "cursor", "history", "product", "2")
	refused("its words cut differently", PageQuery{Cursor: good}, "cursor", "history", "product1", "")
	refused("no base64", PageQuery{Cursor: "a+b"}, "cursor", question...)
	refused("too long", PageQuery{Cursor: strings.Repeat("A", maxCursor+1)}, "cursor", question...)
	refused("negative", PageQuery{Limit: -1}, "limit", question...)
	refused("too many", PageQuery{Limit: MaxLimit + 1}, "limit", question...)

	for _, now := range []time.Time{time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		madeUp, _ := cursorService(now).page(PageQuery{}, question...)
		refused("made up, at a time beyond the calendar", PageQuery{Cursor: madeUp.next(place{group: []string{"a"}})}, "cursor", question...)
	}

	raw, _ := base64.RawURLEncoding.DecodeString(good)
	for i := range raw {
		damaged := append([]byte(nil), raw...)
		damaged[i] ^= 1
		refused("a damaged byte", PageQuery{Cursor: base64.RawURLEncoding.EncodeToString(damaged)}, "cursor", question...)
		if i > 0 {
			refused("cut off", PageQuery{Cursor: base64.RawURLEncoding.EncodeToString(raw[:i])}, "cursor", question...)
		}
	}
}

func TestPageLimits(t *testing.T) {
	s := cursorService(time.Now())
	for _, test := range []struct{ asked, want int }{{0, DefaultLimit}, {1, 1}, {MaxLimit, MaxLimit}} {
		if p, err := s.page(PageQuery{Limit: test.asked}, "x"); err != nil || p.limit != test.want {
			t.Errorf("limit %d: got %d, %v, want %d", test.asked, p.limit, err, test.want)
		}
	}
}

func FuzzCursor(f *testing.F) {
	s := cursorService(time.Unix(5, 0))
	first, _ := s.page(PageQuery{}, "x")
	f.Add(first.next(place{group: []string{"a", "b"}}))
	f.Fuzz(func(t *testing.T, cursor string) {
		if p, err := s.page(PageQuery{Cursor: cursor}, "x"); err == nil && cursor != "" && p.next(p.after) != cursor {
			t.Errorf("%q reads as %+v, which is written otherwise", cursor, p.after)
		}
	})
}
