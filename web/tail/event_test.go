package tail

import (
	"errors"
	"fmt"
	"testing"
	"time"
	"unsafe"

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

// TestSizeCountsDocuments: what a hub may hold is bounded by what its events say of their size, and of a row of many short fields the documents are by far the most.
func TestSizeCountsDocuments(t *testing.T) {
	if size := int(unsafe.Sizeof(schema.Document{})); size > documentSize {
		t.Errorf("a document has %d bytes", size)
	}
	e := event("e1")
	e.Action, e.Changes, e.Before, e.After = schema.ActionCreate, nil, nil, nil
	const fields = 500
	for i := range fields {
		e.After = append(e.After, schema.Field{Name: fmt.Sprint("f", i), Value: schema.Value{State: schema.Present, JSON: []byte("1")}})
	}
	decoded, err := decode(&kgo.Record{Topic: topic, Value: e.AppendJSON(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded.size(); got < fields*int(unsafe.Sizeof(schema.Document{})) {
		t.Errorf("%d bytes for %d documents", got, len(decoded.documents))
	}
}
