package processor_test

import (
	"testing"
	"time"

	"dossier/processor"
	"dossier/schema"
)

// A row's own version name wins over its context's, whether that came in time, late, or late across a restart; a row without one takes the context's.
func TestVersionNameOfTheRowWins(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	config := processor.Config{
		Context:  processor.ContextConfig{Topic: "request-context", Grace: 200 * time.Millisecond},
		Entities: []processor.Entity{{Table: "public.product", Type: "price", NamedVersion: "price", Parent: &processor.ParentRule{Type: "product", Field: "id"}}},
	}
	_, stop := c.start(config)
	c.message(7, 1, `{"user":{"id":"u1"},"version_name":"Release 7"}`)
	c.update(7, 1, 2, "Baseline", "Endline")
	c.update(7, 2, 3, "Baseline", "")
	c.end(7, 1, 2)
	c.update(8, 3, 1, "Baseline", "Endline")
	c.end(8, 0, 1)
	c.update(9, 4, 1, "Baseline", "Endline")
	c.end(9, 0, 1)
	c.events(4)
	late := func(tx string) {
		c.at = time.Now()
		c.produce("request-context", tx, `{"user":{"id":"late"},"version_name":"Release 8"}`)
	}
	late("8")
	c.events(5)
	stop()
	late("9")
	c.start(config)
	events := c.events(6)
	for _, test := range []struct {
		kind     schema.Kind
		id, want string
		of       bool
	}{
		{schema.KindChange, "1", "Endline", true}, {schema.KindChange, "2", "Release 7", false}, {schema.KindChange, "3", "Endline", true},
		{schema.KindAttribution, "3", "Endline", true}, {schema.KindAttribution, "4", "Endline", true},
	} {
		e := find(t, events, test.kind, test.id)
		if e.VersionName != test.want {
			t.Errorf("%s of %s: version %q, want %q", test.kind, test.id, e.VersionName, test.want)
		}
		of := e.VersionOf != nil && *e.VersionOf == schema.EntityRef{Type: "product", ID: test.id} && e.NamedVersion.AsOf.Equal(e.Time)
		if of != test.of || !of && e.NamedVersion != nil {
			t.Errorf("%s of %s: a version of %+v, %+v", test.kind, test.id, e.VersionOf, e.NamedVersion)
		}
	}
}
