package schema

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"
)

// Reasons of the DecodeErrors that reading the audit topic gives.
const (
	// ReasonNotAuditEvent: the record is no audit event, or a damaged one.
	ReasonNotAuditEvent = "not_an_audit_event"
	// ReasonSchemaVersion: the record is an audit event of a later format than this program knows.
	ReasonSchemaVersion = "unsupported_schema_version"
)

// ParseAuditEvent reads an audit event from its JSON form into e, whose former content is overwritten. Members it does not know are
// skipped, because later releases may add some within one schema version; a member of the wrong type, a missing identity and a later schema
// version give a *DecodeError.
//
// Two things make it cheap, and bind the caller. The event's strings and values share memory with data: they are valid as long as
// nobody changes data. And what e pointed to is filled anew: pass either a fresh event, or one that only ParseAuditEvent has filled.
//
// A row's fields in the states that JSON names apart (unavailable, masked, erased) follow those that have a value.
func ParseAuditEvent(data []byte, e *AuditEvent) error {
	p := auditParser{s: NewScanner(data), old: *e}
	*e = AuditEvent{}
	err := p.event(e)
	if err == nil {
		err = checkAuditEvent(e)
	}
	if err == nil {
		return nil
	}
	// A later format may well look wrong to this reader: then the version is the reason, not the member it stumbled over.
	if version, ok := auditVersion(data); ok && version > AuditSchemaVersion {
		return laterVersionError(version)
	}
	return &DecodeError{Reason: ReasonNotAuditEvent, Detail: "audit event: " + err.Error()}
}

func laterVersionError(version int) error {
	return &DecodeError{Reason: ReasonSchemaVersion, Detail: fmt.Sprintf(
		"audit event of schema version %d, but this release reads up to %d: upgrade this program", version, AuditSchemaVersion)}
}

// checkAuditEvent checks what no audit event may lack.
func checkAuditEvent(e *AuditEvent) error {
	switch {
	case e.SchemaVersion < 1 || e.SchemaVersion > AuditSchemaVersion:
		return fmt.Errorf("schema_version is %d, expected 1 to %d", e.SchemaVersion, AuditSchemaVersion)
	case e.Kind == "":
		return errors.New("kind is missing")
	case e.ID == "":
		return errors.New("id is missing")
	}
	return nil
}

// auditVersion finds the schema version of what may be an audit event in JSON.
func auditVersion(data []byte) (version int, ok bool) {
	s := NewScanner(data)
	if s.ObjectStart() != nil {
		return 0, false
	}
	for {
		name, more, err := s.Member()
		if err != nil || !more {
			return 0, false
		}
		if !name.Is("schema_version") {
			if s.Skip() != nil {
				return 0, false
			}
			continue
		}
		number, err := s.Number()
		if err != nil {
			return 0, false
		}
		version, err = strconv.Atoi(string(number))
		return version, err == nil
	}
}

// columnsAtFirst is for how many columns a row has room before it grows: rows that are parsed into new memory would else be copied some times each.
const columnsAtFirst = 8

// auditParser reads one event. old is what the event held before: its memory is filled again.
type auditParser struct {
	s   Scanner
	old AuditEvent
}

func (p *auditParser) event(e *AuditEvent) error {
	var states []byte
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil {
			return memberErr
		}
		if !more {
			break
		}
		switch share(name) {
		case "schema_version":
			var version uint64
			version, err = p.uint(31)
			e.SchemaVersion = int(version)
		case "kind":
			err = text(p, &e.Kind)
		case "id":
			err = text(p, &e.ID)
		case "time":
			err = p.time(&e.Time)
		case "captured":
			err = p.time(&e.Captured)
		case "action":
			err = text(p, &e.Action)
		case "entity":
			err = p.entity(&e.Entity)
		case "scope":
			err = text(p, &e.Scope)
		case "context":
			if e.Context = p.old.Context; e.Context == nil {
				e.Context = new(EventContext)
			}
			err = p.context(e.Context)
		case "version_name":
			err = text(p, &e.VersionName)
		case "changes":
			e.Changes, err = p.changes(p.old.Changes[:0])
		case "before":
			e.Before, err = p.row(p.old.Before, columnsAtFirst)
		case "after":
			e.After, err = p.row(p.old.After, max(len(e.Before), columnsAtFirst))
		case "states":
			states, err = p.s.Raw()
		case "pair_id":
			err = text(p, &e.PairID)
		case "attribution":
			if e.Attribution = p.old.Attribution; e.Attribution == nil {
				e.Attribution = new(Attribution)
			}
			err = p.attribution(e.Attribution)
		case "version":
			if e.NamedVersion = p.old.NamedVersion; e.NamedVersion == nil {
				e.NamedVersion = new(NamedVersion)
			}
			e.VersionOf, err = p.namedVersion(e.NamedVersion)
		case "feedback":
			if e.Feedback = p.old.Feedback; e.Feedback == nil {
				e.Feedback = new(Feedback)
			}
			err = p.feedback(e.Feedback)
		case "access":
			if e.Access = p.old.Access; e.Access == nil {
				e.Access = new(Access)
			}
			err = p.access(e.Access)
		case "cdc":
			err = p.cdc(&e.CDC)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	if err == nil {
		err = p.s.End()
	}
	if err != nil {
		return err
	}
	if e.Context != nil {
		e.Context.VersionName = e.VersionName
	}
	if states != nil {
		if err := applyStates(states, e); err != nil {
			return fmt.Errorf("states: %w", err)
		}
	}
	return nil
}

func (p *auditParser) entity(n *Entity) error {
	*n = Entity{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "type":
			err = text(p, &n.Type)
		case "id":
			err = text(p, &n.ID)
		case "key":
			n.Key, err = p.row(p.old.Entity.Key, 1)
		case "parent":
			if n.Parent = p.old.Entity.Parent; n.Parent == nil {
				n.Parent = new(EntityRef)
			}
			err = p.ref(n.Parent)
		case "next_id":
			err = text(p, &n.NextID)
		case "previous_id":
			err = text(p, &n.PreviousID)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) ref(r *EntityRef) error {
	*r = EntityRef{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "type":
			err = text(p, &r.Type)
		case "id":
			err = text(p, &r.ID)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) context(c *EventContext) error {
	old := *c
	*c = EventContext{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "status":
			err = text(p, &c.Status)
		case "route":
			err = text(p, &c.Route)
		case "transaction_id":
			if c.TransactionID = old.TransactionID; c.TransactionID == nil {
				c.TransactionID = new(uint64)
			}
			*c.TransactionID, err = p.uint(64)
		case "correlation_id":
			err = text(p, &c.CorrelationID)
		case "request_id":
			err = text(p, &c.RequestID)
		case "trace_id":
			err = text(p, &c.TraceID)
		case "user":
			err = p.user(&c.User, old.User.Roles)
		case "on_behalf_of":
			err = text(p, &c.OnBehalfOf)
		case "initiator":
			err = text(p, &c.Initiator)
		case "service":
			err = text(p, &c.Service)
		case "ip":
			err = text(p, &c.IP)
		case "user_agent":
			err = p.userAgent(&c.UserAgent)
			c.Context.UserAgent = c.UserAgent.Original
		case "reason":
			err = text(p, &c.Reason)
		case "timestamp":
			err = p.time(&c.Timestamp)
		case "extra":
			if p.s.Peek() != TokenObject {
				err = p.s.expected(TokenObject.String())
				break
			}
			c.Extra, err = p.s.Raw()
		case "candidates":
			c.Candidates, err = p.candidates(old.Candidates[:0])
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) userAgent(a *UserAgent) error {
	*a = UserAgent{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "original":
			err = text(p, &a.Original)
		case "name":
			err = text(p, &a.Name)
		case "os":
			err = text(p, &a.OS)
		case "device":
			err = text(p, &a.Device)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

// user reads a user; roles is memory for its roles.
func (p *auditParser) user(u *User, roles []string) error {
	*u = User{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "id":
			err = text(p, &u.ID)
		case "name":
			err = text(p, &u.Name)
		case "email":
			err = text(p, &u.Email)
		case "account_id":
			err = text(p, &u.AccountID)
		case "roles":
			u.Roles, err = p.texts(roles[:0])
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) candidates(list []Candidate) ([]Candidate, error) {
	err := p.s.ArrayStart()
	for err == nil {
		more, elementErr := p.s.Element()
		if elementErr != nil || !more {
			return list, elementErr
		}
		list = append(list, Candidate{})
		err = p.candidate(&list[len(list)-1])
	}
	return list, err
}

func (p *auditParser) candidate(c *Candidate) error {
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "route":
			err = text(p, &c.Route)
		case "user":
			err = p.user(&c.User, nil)
		case "correlation_id":
			err = text(p, &c.CorrelationID)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) changes(list []FieldChange) ([]FieldChange, error) {
	err := p.s.ArrayStart()
	for err == nil {
		more, elementErr := p.s.Element()
		if elementErr != nil || !more {
			return list, elementErr
		}
		list = append(list, FieldChange{})
		if err = p.change(&list[len(list)-1]); err != nil {
			err = fmt.Errorf("element %d: %w", len(list)-1, err)
		}
	}
	return list, err
}

func (p *auditParser) change(c *FieldChange) error {
	var field, previous, current bool
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil {
			return memberErr
		}
		if !more {
			break
		}
		switch share(name) {
		case "field":
			field = true
			err = text(p, &c.Field)
		case "previous":
			err = once(&previous)
			if err == nil {
				c.Previous, err = p.value()
			}
		case "previous_state":
			err = once(&previous)
			if err == nil {
				c.Previous, err = p.state()
			}
		case "current":
			err = once(&current)
			if err == nil {
				c.Current, err = p.value()
			}
		case "current_state":
			err = once(&current)
			if err == nil {
				c.Current, err = p.state()
			}
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	switch {
	case err != nil:
		return err
	case !field:
		return errors.New("field is missing")
	case !previous:
		return errors.New("neither previous nor previous_state")
	case !current:
		return errors.New("neither current nor current_state")
	}
	return nil
}

// once refuses to be told one side of a change twice.
func once(seen *bool) error {
	if *seen {
		return errors.New("the value and its state are given together, or twice")
	}
	*seen = true
	return nil
}

func (p *auditParser) attribution(a *Attribution) error {
	fields := a.Fields
	*a = Attribution{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "event_id":
			err = text(p, &a.EventID)
		case "action":
			err = text(p, &a.Action)
		case "fields":
			a.Fields, err = p.texts(fields[:0])
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

// object reads an object and hands each member to read, which says whether it knows it; unknown ones are skipped. What is read
// for most events has a loop of its own, without the call for each member.
func (p *auditParser) object(read func(name string) (known bool, err error)) error {
	if err := p.s.ObjectStart(); err != nil {
		return err
	}
	for {
		name, more, err := p.s.Member()
		if err != nil || !more {
			return err
		}
		known, err := read(share(name))
		if !known && err == nil {
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
}

// namedVersion reads the member version, and returns the entity that it is of; nil where it is the event's own.
func (p *auditParser) namedVersion(v *NamedVersion) (of *EntityRef, err error) {
	*v = NamedVersion{}
	err = p.object(func(name string) (bool, error) {
		switch name {
		case "id":
			return true, text(p, &v.ID)
		case "as_of":
			return true, p.time(&v.AsOf)
		case "event_id":
			return true, text(p, &v.EventID)
		case "entity":
			if of = p.old.VersionOf; of == nil {
				of = new(EntityRef)
			}
			return true, p.ref(of)
		}
		return false, nil
	})
	return of, err
}

func (p *auditParser) access(a *Access) error {
	*a = Access{}
	return p.object(func(name string) (bool, error) {
		switch name {
		case "caller":
			return true, text(p, &a.Caller)
		case "method":
			return true, text(p, &a.Method)
		case "path":
			return true, text(p, &a.Path)
		case "query":
			return true, text(p, &a.Query)
		case "status":
			n, err := p.uint(31)
			a.Status = int(n)
			return true, err
		case "items":
			n, err := p.uint(63)
			a.Items = int64(n)
			return true, err
		}
		return false, nil
	})
}

func (p *auditParser) cdc(c *CDC) error {
	*c = CDC{}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "source":
			err = text(p, &c.Source)
		case "connector":
			err = text(p, &c.Connector)
		case "schema":
			err = text(p, &c.Schema)
		case "table":
			err = text(p, &c.Table)
		case "op":
			var op string
			if err = text(p, &op); err == nil && len(op) != 1 {
				err = errors.New("expected one letter")
			} else if err == nil {
				c.Op = Op(op[0])
			}
		case "tx_id":
			c.HasTx = true
			c.TxID, err = p.uint(64)
		case "position":
			err = text(p, &c.Position)
		case "snapshot":
			c.Snapshot, err = p.s.Bool()
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

// row reads a row image into the memory of an old one, or into new memory with room for so many columns at first. The result is never nil: an image without columns is an image.
func (p *auditParser) row(old Row, room int) (Row, error) {
	row := old[:0]
	if row == nil {
		row = make(Row, 0, room)
	}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return row, memberErr
		}
		var v Value
		if v, err = p.value(); err != nil {
			return row, within(name, err)
		}
		row = append(row, Field{Name: share(name), Value: v})
	}
	return row, err
}

// value reads a present or null value.
func (p *auditParser) value() (Value, error) {
	switch p.s.Peek() {
	case TokenNull:
		return NullValue, p.s.Null()
	case TokenString:
		t, err := p.s.String()
		if err != nil {
			return Value{}, err
		}
		if t.IsCanonical() {
			return Value{State: Present, JSON: t.Quoted()}, nil
		}
		return Value{State: Present, JSON: t.AppendCanonical(nil)}, nil
	}
	raw, err := p.s.Raw()
	return Value{State: Present, JSON: raw}, err
}

// state reads the name of a state that stands in a value's place.
func (p *auditParser) state() (Value, error) {
	t, err := p.s.String()
	if err != nil {
		return Value{}, err
	}
	state, ok := ParseState(share(t))
	if !ok || state == Present || state == Null {
		return Value{}, errors.New("expected absent, unavailable, masked or erased")
	}
	return Value{State: state}, nil
}

func (p *auditParser) texts(list []string) ([]string, error) {
	err := p.s.ArrayStart()
	for err == nil {
		more, elementErr := p.s.Element()
		if elementErr != nil || !more {
			return list, elementErr
		}
		list = append(list, "")
		err = text(p, &list[len(list)-1])
	}
	return list, err
}

func (p *auditParser) uint(bits int) (uint64, error) {
	at := p.s.Offset()
	number, err := p.s.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(number), len(number)), 10, bits)
	if err != nil {
		return 0, &ScanError{Offset: at, Detail: fmt.Sprintf("expected a whole number of at most %d bits, not negative", bits)}
	}
	return n, nil
}

func (p *auditParser) time(to *time.Time) error {
	at := p.s.Offset()
	t, err := p.s.String()
	if err != nil {
		return err
	}
	parsed, err := time.Parse(time.RFC3339Nano, share(t))
	if err != nil {
		return &ScanError{Offset: at, Detail: "expected an RFC 3339 time"}
	}
	*to = parsed.UTC()
	return nil
}

// text reads a string into any of the string types.
func text[T ~string](p *auditParser, to *T) error {
	t, err := p.s.String()
	*to = T(share(t))
	return err
}

// share returns a string's content, in the memory of the scanned text where it has no escapes.
func share(t Text) string {
	if !t.IsPlain() {
		return t.String()
	}
	inner := t.Inner()
	return unsafe.String(unsafe.SliceData(inner), len(inner))
}

// within says in which member an error arose.
func within(name Text, err error) error { return fmt.Errorf("%s: %w", name.String(), err) }

// applyStates adds the fields that "states" names to the rows they belong to. They come last, because the member may stand before them.
func applyStates(states []byte, e *AuditEvent) error {
	p := auditParser{s: NewScanner(states)}
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return memberErr
		}
		switch share(name) {
		case "key":
			e.Entity.Key, err = p.states(e.Entity.Key)
		case "before":
			e.Before, err = p.states(e.Before)
		case "after":
			e.After, err = p.states(e.After)
		default:
			err = p.s.Skip()
		}
		if err != nil {
			return within(name, err)
		}
	}
	return err
}

func (p *auditParser) states(row Row) (Row, error) {
	err := p.s.ObjectStart()
	for err == nil {
		name, more, memberErr := p.s.Member()
		if memberErr != nil || !more {
			return row, memberErr
		}
		field := Field{Name: share(name)}
		if field.Value, err = p.state(); err == nil && row.Get(field.Name).State != Absent {
			err = errors.New("the row holds a value for this field")
		}
		if err != nil {
			return row, within(name, err)
		}
		row = append(row, field)
	}
	return row, err
}
