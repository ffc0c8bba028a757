package querytest

import (
	"fmt"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// hostile are texts that mean something in some language of queries, and texts that differ little.
var hostile = []string{"plain", "Plain", "plain ", " plain", "plainer", "100%", "100x", "a_b", "axb", "a*b", "a?b", `a\b`, `a\\b`, `a\*b`, `a"b`, "a'b", "a''b", "a`b", "x' OR '1'='1", "'; DROP TABLE document; --",
	`{"match_all":{}}`, `"},{"query":{"match_all":{}}}`, "a AND b OR NOT (c)", "field:value", "_exists_:user", "/.*/", "[a TO z]", "a~2", "a^4", "-a", "+a", "*", "?", "%", "_", `\`, `"`, "'", ":name", "?1",
	"@p", "$1", "${env}", "{{mustache}}", "<b>&amp;", "a/b", "a.b", "a,b", "a;b", "a|b", "null", "NULL", "true", "0", "1e3", "äöü", "ÄÖÜ", "a\u0308ou", "日本語", "😀", "\u202eabc", "a\nb", "a\tb", "a\x00b",
	"\u00a0", "ﬁ", "I", "ı", "İ"}

// setters put a text into a field of a document; the fields that hold only certain texts have none.
var setters = map[query.Field]func(d *schema.Document, text string){
	query.FieldRoute:         inContext(func(c *schema.EventContext, s string) { c.Route = schema.Route(s) }),
	query.FieldInitiator:     inContext(func(c *schema.EventContext, s string) { c.Initiator = s }),
	query.FieldCorrelationID: inContext(func(c *schema.EventContext, s string) { c.CorrelationID = s }),
	query.FieldReason:        inContext(func(c *schema.EventContext, s string) { c.Reason = s }),
	query.FieldUserID:        inContext(func(c *schema.EventContext, s string) { c.User.ID = s }),
	query.FieldUserName:      inContext(func(c *schema.EventContext, s string) { c.User.Name = s }),
	query.FieldUserEmail:     inContext(func(c *schema.EventContext, s string) { c.User.Email = s }),
	query.FieldEffectiveUser: inContext(func(c *schema.EventContext, s string) { c.OnBehalfOf = s }),
	query.FieldAccount:       inContext(func(c *schema.EventContext, s string) { c.User.AccountID = s }),
	query.FieldTraceID:       inContext(func(c *schema.EventContext, s string) { c.TraceID = s }),
	query.FieldRequestID:     inContext(func(c *schema.EventContext, s string) { c.RequestID = s }),
	query.FieldService:       inContext(func(c *schema.EventContext, s string) { c.Service = s }),
	query.FieldContext:       inContext(func(c *schema.EventContext, s string) { c.Status = schema.ContextStatus(s) }),
	query.FieldEventID:       func(d *schema.Document, s string) { d.EventID = s },
	query.FieldAction:        func(d *schema.Document, s string) { d.Action = schema.Action(s) },
	query.FieldEntityType:    func(d *schema.Document, s string) { d.Entity.Type = s },
	query.FieldEntityID:      func(d *schema.Document, s string) { d.Entity.ID = s },
	query.FieldNextID:        func(d *schema.Document, s string) { d.Entity.NextID = s },
	query.FieldPreviousID:    func(d *schema.Document, s string) { d.Entity.PreviousID = s },
	query.FieldParentType:    func(d *schema.Document, s string) { d.Entity.Parent = &schema.EntityRef{Type: s, ID: "1"} },
	query.FieldParentID:      func(d *schema.Document, s string) { d.Entity.Parent = &schema.EntityRef{Type: "t", ID: s} },
	query.FieldVersionName:   func(d *schema.Document, s string) { d.VersionName = s },
	query.FieldVersionID: func(d *schema.Document, s string) {
		d.Kind, d.VersionName, d.NamedVersion = schema.DocumentNamedVersion, "v", &schema.NamedVersion{ID: s, AsOf: commit}
	},
	query.FieldChangeField:   inChange(func(c *schema.FieldChange, s string) { c.Field = s }),
	query.FieldPrevExact:     inChange(func(c *schema.FieldChange, s string) { c.Previous = present(string(schema.AppendString(nil, s))) }),
	query.FieldCurrExact:     inChange(func(c *schema.FieldChange, s string) { c.Current = present(string(schema.AppendString(nil, s))) }),
	query.FieldRowFields:     func(d *schema.Document, s string) { d.Fields = []string{"first", s} },
	query.FieldApplication:   inFeedback(func(f *schema.Feedback, s string) { f.Application = s }),
	query.FieldStatus:        inFeedback(func(f *schema.Feedback, s string) { f.Status = s }),
	query.FieldFeedbackEvent: inFeedback(func(f *schema.Feedback, s string) { f.EventID = s }),
	query.FieldSource:        func(d *schema.Document, s string) { d.CDC.Source = s },
	query.FieldSchema:        func(d *schema.Document, s string) { d.CDC.Schema = s },
	query.FieldTable:         func(d *schema.Document, s string) { d.CDC.Table = s },
}

func inContext(set func(*schema.EventContext, string)) func(*schema.Document, string) {
	return func(d *schema.Document, s string) {
		d.Context = &schema.EventContext{Status: schema.StatusAttached}
		set(d.Context, s)
	}
}

func inChange(set func(*schema.FieldChange, string)) func(*schema.Document, string) {
	return func(d *schema.Document, s string) {
		d.Kind = schema.DocumentFieldChange
		set(&d.Change, s)
	}
}

func inFeedback(set func(*schema.Feedback, string)) func(*schema.Document, string) {
	return func(d *schema.Document, s string) {
		d.Kind, d.Feedback = schema.DocumentFeedback, &schema.Feedback{Application: "a", Status: "s"}
		set(d.Feedback, s)
	}
}

// testTexts puts every hostile text into every field, and asks for each of them, by its value or by a pattern in turn: exactly one document has it.
func testTexts(t *testing.T, open Open) {
	for field, form := range query.Fields {
		set := setters[field]
		if (form == query.FormKeyword || form == query.FormReference) && set == nil {
			switch field {
			case query.FieldKind, query.FieldScope, query.FieldPrevState, query.FieldCurrState:
			default:
				t.Errorf("the suite puts nothing into %s", field)
			}
		}
	}
	write, store := open(t)
	var docs []schema.Document
	var searches []query.Search
	var want []query.Page
	for n, field := range allFields() {
		set := setters[field]
		if set == nil {
			continue
		}
		for i, s := range hostile {
			d := document(fmt.Sprintf("%s-%d", field, i))
			set(&d, s)
			docs = append(docs, d)
			f := query.Filter(query.Is(field, s))
			if (n+i)%2 == 0 {
				f = query.Like{Field: field, Pattern: query.Pattern{{Literal: s}}}
			}
			searches = append(searches, query.Search{Filter: f, Limit: 3})
			want = append(want, query.Page{Documents: []schema.Document{d}})
		}
	}
	write(docs...)
	searchAll(t, store, searches, func(i int, p query.Page) {
		if d := difference(p, want[i]); d != "" {
			t.Errorf("%s: %s", describe(searches[i].Filter), d)
		}
	})
}
