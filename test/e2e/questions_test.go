package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// question is one question and its answer, in lines that say everything in one form, so that those of the truth and those of an answer can be
// compared.
type question struct {
	kind string // for the times taken
	path string // under /api/v1
	// status is the answer's, 200 if 0. Of another one than 200 only what it must say is looked at: problem is part of its text.
	status  int
	problem string
	// read takes a page of the answer apart, in the order in which it stands there.
	read func(page []byte) (lines []line, err error)
	want []line
	// loose compares lines of the same time as a set: the truth does not know in which order one transaction changed rows of different tables.
	loose bool
	first bool // it is about the first page alone
}

// line is one thing that an answer says.
type line struct {
	group string // lines that stand beside each other in one group have no order of their own, where a question is loose
	text  string
}

// checkQuestions asks the same questions of each store, through HTTP. Their answers are known from the truth.
func (d *deployment) checkQuestions(t *testing.T, a *application) {
	t.Helper()
	stores := d.readers(t)
	tr := readTruth(t, a.dsn)
	readers := newWorld(a.source, tr, "main", "catalog", "people")
	auditors := newWorld(a.source, tr, "catalog")
	all, few := readers.questions(), sample(auditors.questions(), 200, nil)
	t.Logf("%d questions of those who may read all scopes but the default one, %d of those who may read one", len(all), len(few))
	for _, r := range stores {
		t.Run(r.store, func(t *testing.T) {
			t.Run("as of", func(t *testing.T) { r.checkAsOf(t, readers) })
			t.Run("questions", func(t *testing.T) { r.ask(t, r.readers, all) })
			t.Run("of one scope", func(t *testing.T) { r.ask(t, r.auditors, few) })
			t.Run("after a change", func(t *testing.T) { r.checkPlaces(t, readers) })
			t.Run("what cannot be answered", func(t *testing.T) { r.ask(t, r.readers, badQuestions(readers)) })
			t.Run("by strangers", func(t *testing.T) { r.checkStrangers(t, readers) })
			t.Run("pages", func(t *testing.T) { r.checkPages(t, readers) })
		})
	}
	t.Run("named afterwards", func(t *testing.T) { d.checkNamed(t, stores, readers) })
	t.Run("feedback", func(t *testing.T) { d.checkFeedback(t, stores, readers) })
	for _, r := range stores {
		t.Logf("%s:%s", r.store, r.medians())
	}
	t.Run("a store that is down", func(t *testing.T) { d.checkDown(t, stores, readers) })
}

// questions are those that the truth answers.
func (w *world) questions() []question {
	return slices.Concat(w.historyQuestions(), w.stateQuestions(), w.diffQuestions(), w.childrenQuestions(), w.searchQuestions(), w.countQuestions(),
		w.requestQuestions(), w.transactionQuestions(), w.versionQuestions())
}

// ask asks questions, each page by page to its end, and compares the answers.
func (r *reader) ask(t *testing.T, who caller, questions []question) {
	t.Helper()
	wrong := 0
	for i := range questions {
		q := &questions[i]
		if difference := r.answer(t.Context(), who, q); difference != "" {
			if wrong++; wrong <= shown {
				t.Errorf("GET %s: %s", q.path, difference)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d answers are wrong", wrong, len(questions))
	}
}

// shown is how many wrong answers are described.
const shown = 12

// answer asks one question and says what is wrong with the answer; "" if nothing is.
func (r *reader) answer(ctx context.Context, who caller, q *question) string {
	if q.status != 0 && q.status != http.StatusOK {
		a, err := r.get(ctx, who, "", q.path)
		switch {
		case err != nil:
			return err.Error()
		case a.status != q.status:
			return fmt.Sprintf("%d %.300s, want %d", a.status, a.body, q.status)
		case !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") || !strings.Contains(string(a.body), q.problem):
			return fmt.Sprintf("%s %.300s, want a problem that says %s", a.header.Get("Content-Type"), a.body, q.problem)
		}
		return ""
	}
	got, _, err := r.pages(ctx, who, q.kind, q.path, q.first, q.read)
	if err != nil {
		return err.Error()
	}
	return differ(q.want, got, q.loose)
}

// pages reads an answer to its end, or its first page alone.
func (r *reader) pages(ctx context.Context, who caller, kind, path string, first bool, read func([]byte) ([]line, error)) (all []line, pages int, err error) {
	cursor := ""
	for {
		at := path
		if cursor != "" {
			separator := "?"
			if strings.Contains(path, "?") {
				separator = "&"
			}
			at += separator + "cursor=" + cursor
		}
		a, err := r.get(ctx, who, kind, at)
		if err != nil {
			return nil, pages, err
		}
		if a.status != http.StatusOK {
			return nil, pages, fmt.Errorf("page %d: %d %.500s", pages+1, a.status, a.body)
		}
		lines, err := read(a.body)
		if err != nil {
			return nil, pages, fmt.Errorf("page %d: %w: %.500s", pages+1, err, a.body)
		}
		all = append(all, lines...)
		pages++
		var next struct{ Next string }
		if err := json.Unmarshal(a.body, &next); err != nil {
			return nil, pages, err
		}
		if next.Next == "" || first {
			return all, pages, nil
		}
		if cursor == next.Next {
			return nil, pages, fmt.Errorf("page %d has the cursor of the page before", pages)
		}
		cursor = next.Next
	}
}

// differ compares lines and describes the first difference; "" where there is none.
func differ(want, got []line, loose bool) string {
	want, got = ordered(want, loose), ordered(got, loose)
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%d lines, want %d; missing is the first of these:%s", len(got), len(want), some(want[i:]))
		case i >= len(want):
			return fmt.Sprintf("%d lines, want %d; too much is the first of these:%s", len(got), len(want), some(got[i:]))
		case want[i].text != got[i].text:
			return fmt.Sprintf("%d lines, want %d; line %d says\n    %s\n  want\n    %s", len(got), len(want), i, clipped(got[i].text), clipped(want[i].text))
		}
	}
	return ""
}

func some(lines []line) string {
	var b strings.Builder
	for _, l := range lines[:min(3, len(lines))] {
		b.WriteString("\n    " + clipped(l.text))
	}
	return b.String()
}

// clipped shortens large values within a text.
func clipped(text string) string {
	if len(text) > 1500 {
		return text[:1200] + " … " + text[len(text)-300:]
	}
	return text
}

// ordered sorts lines of one group that stand beside each other.
func ordered(lines []line, loose bool) []line {
	if !loose {
		return lines
	}
	lines = slices.Clone(lines)
	for begin := 0; begin < len(lines); {
		end := begin + 1
		for end < len(lines) && lines[end].group == lines[begin].group {
			end++
		}
		slices.SortFunc(lines[begin:end], func(a, b line) int { return strings.Compare(a.text, b.text) })
		begin = end
	}
	return lines
}

// plain makes lines without groups.
func plain(texts ...string) []line {
	all := make([]line, len(texts))
	for i, text := range texts {
		all[i].text = text
	}
	return all
}
