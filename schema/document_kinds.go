package schema

import (
	"fmt"
	"strconv"
)

// appendVersion appends the version's name and, on a named version, which state it holds.
func (d *Document) appendVersion(b []byte) []byte {
	if d.VersionName == "" && d.NamedVersion == nil {
		return b
	}
	o := openObject(append(b, `,"version":`...))
	o.string("name", d.VersionName)
	if v := d.NamedVersion; v != nil {
		o.string("id", v.ID)
		o.time("as_of", v.AsOf)
		o.string("event_id", v.EventID)
	}
	return o.close()
}

// appendDocument appends the member of a feedback document.
func (f *Feedback) appendDocument(b []byte) []byte {
	if f == nil {
		return b
	}
	return f.appendJSON(append(b, `,"feedback":`...))
}

func (f *Feedback) appendJSON(b []byte) []byte {
	o := openObject(b)
	o.string("application", f.Application)
	o.string("status", f.Status)
	o.string("message", f.Message)
	if len(f.Payload) > 0 {
		o.key("payload")
		o.b = appendOneLine(o.b, f.Payload)
	}
	o.string("event_id", f.EventID)
	return o.close()
}

// appendDocument appends the member of a transaction document.
func (t *TransactionCounts) appendDocument(b []byte) []byte {
	if t == nil {
		return b
	}
	o := openObject(append(b, `,"transaction":`...))
	o.key("tables")
	tables := openObject(o.b)
	for _, c := range t.Tables {
		tables.key(c.Name)
		tables.b = strconv.AppendInt(tables.b, c.Count, 10)
	}
	o.b = tables.close()
	o.key("certain")
	o.b = strconv.AppendBool(o.b, t.Certain)
	return o.close()
}

// version reads a document's version: the name that any document may carry, and what a named version says beside it.
func (p *documentParser) version() error {
	d := p.d
	state := func() *NamedVersion {
		if d.NamedVersion == nil {
			d.NamedVersion = new(NamedVersion)
		}
		return d.NamedVersion
	}
	return p.object(func(name string) (bool, error) {
		switch name {
		case "name":
			return true, text(&p.auditParser, &d.VersionName)
		case "id":
			return true, text(&p.auditParser, &state().ID)
		case "as_of":
			return true, p.time(&state().AsOf)
		case "event_id":
			return true, text(&p.auditParser, &state().EventID)
		}
		return false, nil
	})
}

func (p *documentParser) transaction() error {
	t := new(TransactionCounts)
	p.d.Transaction = t
	return p.object(func(name string) (bool, error) {
		switch name {
		case "tables":
			return true, p.object(func(table string) (bool, error) {
				n, err := p.uint(63)
				t.Tables = append(t.Tables, CollectionCount{Name: table, Count: int64(n)})
				return true, err
			})
		case "certain":
			certain, err := p.s.Bool()
			t.Certain = certain
			return true, err
		}
		return false, nil
	})
}

// feedback reads feedback, whether it stands in a document or in an audit event.
func (p *auditParser) feedback(f *Feedback) error {
	*f = Feedback{}
	return p.object(func(name string) (bool, error) {
		switch name {
		case "application":
			return true, text(p, &f.Application)
		case "status":
			return true, text(p, &f.Status)
		case "message":
			return true, text(p, &f.Message)
		case "payload":
			if p.s.Peek() != TokenObject {
				return true, p.s.expected(TokenObject.String())
			}
			raw, err := p.s.Raw()
			f.Payload = raw
			return true, err
		case "event_id":
			return true, text(p, &f.EventID)
		}
		return false, nil
	})
}

// checkKind checks that a document of a kind with a member of its own has that member.
func (d *Document) checkKind() error {
	missing := ""
	switch {
	case d.Kind == DocumentNamedVersion && d.NamedVersion == nil:
		missing = "version.as_of"
	case d.Kind == DocumentFeedback && d.Feedback == nil:
		missing = "feedback"
	case d.Kind == DocumentTransaction && d.Transaction == nil:
		missing = "transaction"
	default:
		return nil
	}
	return fmt.Errorf("%s is missing on a %s", missing, d.Kind)
}
