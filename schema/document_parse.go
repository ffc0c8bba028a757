package schema

import "fmt"

// ReasonNotDocument is the reason of the DecodeError for a stored document that is none, or a damaged one.
const ReasonNotDocument = "not_a_version_document"

// ParseDocument reads a document that AppendJSON wrote, and returns the event.hash that stands in it. Members it does not know
// are skipped. The document shares memory with data: it is valid as long as nobody changes data. The error is a *DecodeError.
//
// Writing the result again gives the text that was read, and so its hash, provided that the text holds no member unknown here: a
// reader can prove a document this way.
func ParseDocument(data []byte) (d Document, hash string, err error) {
	p := documentParser{auditParser: auditParser{s: NewScanner(data)}, d: &d}
	err = p.document()
	switch {
	case err != nil:
	case d.EventID == "":
		err = fmt.Errorf("event.id is missing")
	case d.Kind == "":
		err = fmt.Errorf("audit.kind is missing")
	default:
		err = d.checkKind()
	}
	if err != nil {
		return Document{}, "", &DecodeError{Reason: ReasonNotDocument, Detail: "version document: " + err.Error(), Err: err}
	}
	if p.reason != "" {
		p.context().Reason = p.reason
	}
	if d.Context != nil {
		d.Context.VersionName = d.VersionName
	}
	return d, p.hash, nil
}

type documentParser struct {
	auditParser
	d      *Document
	reason string // event.reason, which is the context's
	hash   string
}

// texts maps the names of members to where their strings belong.
type textMembers map[string]*string

func (p *documentParser) textObject(members textMembers) error {
	return p.object(func(name string) (bool, error) {
		to, ok := members[name]
		if !ok {
			return false, nil
		}
		return true, text(&p.auditParser, to)
	})
}

// context returns the document's context, made where the first of its members stands.
func (p *documentParser) context() *EventContext {
	if p.d.Context == nil {
		p.d.Context = new(EventContext)
	}
	return p.d.Context
}

func (p *documentParser) document() error {
	d := p.d
	err := p.object(func(name string) (bool, error) {
		switch name {
		case "@timestamp":
			return true, p.time(&d.Time)
		case "audit":
			return true, p.audit()
		case "user":
			return true, p.who()
		case "organization":
			return true, p.textObject(textMembers{"id": &p.context().User.AccountID})
		case "client":
			return true, p.client()
		case "user_agent":
			return true, p.agent()
		case "trace":
			return true, p.textObject(textMembers{"id": &p.context().TraceID})
		case "http":
			return true, p.object(func(name string) (bool, error) {
				if name != "request" {
					return false, nil
				}
				return true, p.textObject(textMembers{"id": &p.context().RequestID})
			})
		case "service":
			return true, p.textObject(textMembers{"name": &p.context().Service})
		case "entity":
			return true, p.documentEntity()
		case "version":
			return true, p.version()
		case "feedback":
			d.Feedback = new(Feedback)
			return true, p.feedback(d.Feedback)
		case "transaction":
			return true, p.transaction()
		case "change":
			return true, p.documentChange()
		case "row":
			return true, p.rows()
		case "cdc":
			return true, p.cdc(&d.CDC)
		case "event":
			return true, p.documentEvent()
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return p.s.End()
}

func (p *documentParser) audit() error {
	d := p.d
	return p.object(func(name string) (bool, error) {
		switch name {
		case "kind":
			return true, text(&p.auditParser, &d.Kind)
		case "context":
			return true, text(&p.auditParser, &p.context().Status)
		case "route":
			return true, text(&p.auditParser, &p.context().Route)
		case "initiator":
			return true, text(&p.auditParser, &p.context().Initiator)
		case "correlation_id":
			return true, text(&p.auditParser, &p.context().CorrelationID)
		case "candidates":
			list, err := p.candidates(nil)
			p.context().Candidates = list
			return true, err
		case "extra":
			raw, err := p.s.Raw()
			p.context().Extra = raw
			return true, err
		case "scope":
			return true, text(&p.auditParser, &d.Scope)
		case "pair_id":
			return true, text(&p.auditParser, &d.PairID)
		}
		return false, nil
	})
}

func (p *documentParser) who() error {
	c := p.context()
	return p.object(func(name string) (bool, error) {
		switch name {
		case "id":
			return true, text(&p.auditParser, &c.User.ID)
		case "name":
			return true, text(&p.auditParser, &c.User.Name)
		case "email":
			return true, text(&p.auditParser, &c.User.Email)
		case "roles":
			roles, err := p.texts(nil)
			c.User.Roles = roles
			return true, err
		case "effective":
			return true, p.textObject(textMembers{"id": &c.OnBehalfOf})
		}
		return false, nil
	})
}

func (p *documentParser) client() error {
	var ip, address string
	err := p.textObject(textMembers{"ip": &ip, "address": &address})
	if address == "" {
		address = ip
	}
	p.context().IP = address
	return err
}

func (p *documentParser) agent() error {
	agent := &p.context().UserAgent
	err := p.object(func(name string) (bool, error) {
		switch name {
		case "original":
			return true, text(&p.auditParser, &agent.Original)
		case "name":
			return true, text(&p.auditParser, &agent.Name)
		case "os":
			return true, p.textObject(textMembers{"name": &agent.OS})
		case "device":
			return true, p.textObject(textMembers{"name": &agent.Device})
		}
		return false, nil
	})
	p.context().Context.UserAgent = agent.Original
	return err
}

func (p *documentParser) documentEntity() error {
	n := &p.d.Entity
	return p.object(func(name string) (bool, error) {
		switch name {
		case "type":
			return true, text(&p.auditParser, &n.Type)
		case "id":
			return true, text(&p.auditParser, &n.ID)
		case "parent":
			n.Parent = new(EntityRef)
			return true, p.ref(n.Parent)
		case "next_id":
			return true, text(&p.auditParser, &n.NextID)
		case "previous_id":
			return true, text(&p.auditParser, &n.PreviousID)
		}
		return false, nil
	})
}

func (p *documentParser) documentChange() error {
	c := &p.d.Change
	return p.object(func(name string) (bool, error) {
		switch name {
		case "field":
			return true, text(&p.auditParser, &c.Field)
		case "previous":
			return true, p.searchable(&c.Previous)
		case "current":
			return true, p.searchable(&c.Current)
		}
		return false, nil
	})
}

// searchable reads a value back from its state and its exact JSON; the forms for search follow from them.
func (p *documentParser) searchable(v *Value) error {
	var state, exact string
	if err := p.textObject(textMembers{"state": &state, "json": &exact}); err != nil {
		return err
	}
	known := false
	if v.State, known = ParseState(state); !known {
		return fmt.Errorf("state is %q, expected absent, null, present, unavailable, masked or erased", state)
	}
	if v.State == Present {
		v.JSON = []byte(exact)
	}
	return nil
}

func (p *documentParser) rows() error {
	d := p.d
	var states []byte
	err := p.object(func(name string) (bool, error) {
		var err error
		switch name {
		case "fields":
			d.Fields, err = p.texts(nil)
		case "before":
			d.Before, err = p.row(nil, columnsAtFirst)
		case "after":
			d.After, err = p.row(nil, max(len(d.Before), columnsAtFirst))
		case "states":
			states, err = p.s.Raw()
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil || states == nil {
		return err
	}
	var rows AuditEvent
	rows.Before, rows.After = d.Before, d.After
	if err := applyStates(states, &rows); err != nil {
		return fmt.Errorf("states: %w", err)
	}
	d.Before, d.After = rows.Before, rows.After
	return nil
}

func (p *documentParser) documentEvent() error {
	d := p.d
	return p.object(func(name string) (bool, error) {
		switch name {
		case "id":
			return true, text(&p.auditParser, &d.EventID)
		case "action":
			return true, text(&p.auditParser, &d.Action)
		case "reason":
			return true, text(&p.auditParser, &p.reason)
		case "created":
			return true, p.time(&d.Created)
		case "ingested":
			return true, p.time(&d.Ingested)
		case "hash":
			return true, text(&p.auditParser, &p.hash)
		}
		return false, nil
	})
}
