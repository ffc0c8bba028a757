package tail

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/query"
	"dossier/schema"
)

func TestMatches(t *testing.T) {
	decoded := func(change func(*schema.AuditEvent)) (*Event, error) {
		e := event("e1")
		change(e)
		return decode(&kgo.Record{Topic: topic, Value: e.AppendJSON(nil)})
	}
	for _, c := range []struct {
		name   string
		change func(*schema.AuditEvent)
		q      string
		want   bool
	}{
		{"everything", func(*schema.AuditEvent) {}, "", true},
		{"nothing visible", func(e *schema.AuditEvent) { e.Changes = nil }, "", false},
		{"user", func(*schema.AuditEvent) {}, "user:u1", true},
		{"other user", func(*schema.AuditEvent) {}, "user:u2", false},
		{"field", func(*schema.AuditEvent) {}, "field:price new:>1", true},
		{"field and value", func(*schema.AuditEvent) {}, "field:price new:>2", false},
		{"attribution", func(e *schema.AuditEvent) {
			e.Kind, e.Changes, e.Before, e.After = schema.KindAttribution, nil, nil, nil
			e.Attribution = &schema.Attribution{EventID: "e0", Action: schema.ActionUpdate, Fields: []string{"price"}}
		}, "user:u1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := decoded(c.change)
			if err != nil {
				t.Fatal(err)
			}
			var filter query.Filter
			if c.q != "" {
				q, err := query.ParseQuestion(c.q, time.Unix(1e9, 0))
				if err != nil {
					t.Fatal(err)
				}
				filter = q.Filter()
			}
			if e.Matches(filter) != c.want {
				t.Errorf("%v", !c.want)
			}
		})
	}
	if _, err := decoded(func(e *schema.AuditEvent) {
		e.Kind, e.Access = schema.KindAccess, &schema.Access{Method: "GET", Path: "/"}
	}); !errors.Is(err, errNotShown) {
		t.Errorf("who read what is shown to everybody: %v", err)
	}
}
