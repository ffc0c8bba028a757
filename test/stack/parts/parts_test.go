package parts

import (
	"slices"
	"strings"
	"testing"
)

func TestClosureAddsNeedsInOrderOfStart(t *testing.T) {
	got := Closure([]Part{Connect, Postgres, Connect})
	if want := []Part{Postgres, Kafka, Connect}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEveryPartIsDescribed(t *testing.T) {
	for _, p := range All() {
		if p.Title() == string(p) {
			t.Errorf("%s has no title", p)
		}
		if Images[p] == "" || Ports[p] == 0 {
			t.Errorf("%s has no image or no port", p)
		}
		if p != Postgres && HeapMiB[p] == 0 {
			t.Errorf("%s has no heap", p)
		}
		for _, need := range p.Needs() {
			if slices.Index(All(), need) >= slices.Index(All(), p) {
				t.Errorf("%s needs %s, which comes after it in All", p, need)
			}
		}
	}
}

func TestParse(t *testing.T) {
	if got, err := Parse(nil); err != nil || !slices.Equal(got, Pipeline()) {
		t.Errorf("without names: got %v, %v", got, err)
	}
	if got, err := Parse([]string{"Kafka"}); err != nil || !slices.Equal(got, []Part{Kafka}) {
		t.Errorf("Kafka: got %v, %v", got, err)
	}
	if _, err := Parse([]string{"zookeeper"}); err == nil || !strings.Contains(err.Error(), "postgres, kafka") {
		t.Errorf("unknown name: got %v", err)
	}
}
