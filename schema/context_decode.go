package schema

import (
	"errors"
	"strings"
	"time"
)

// MaxContextSize bounds a request context's JSON, in bytes: a context is copied into the event of every row its transaction changes.
const MaxContextSize = 64 << 10

// ParseContext reads a request context's JSON. All fields are optional and null is the same as missing; types are those
// documented, transaction_id may also be a string of digits (64 bits do not fit JavaScript's numbers). Keys that are not known are
// kept in Extra, after the members of "extra" itself. The result shares no memory with data.
//
// The error is a *DecodeError: ReasonContextNotJSON, ReasonContextWrongType with the field and the expected type, or ReasonTooLarge.
func ParseContext(data []byte) (Context, error) {
	var c Context
	if len(data) > MaxContextSize {
		return c, decodeErrorf(ReasonTooLarge, "the request context has %d bytes, at most %d are allowed", len(data), MaxContextSize)
	}
	p := contextParser{scanner: NewScanner(data)}
	if t := p.scanner.Peek(); t != TokenObject && t != TokenInvalid && t != TokenEnd {
		return c, decodeErrorf(ReasonContextNotJSON, "the request context is %s, expected a JSON object", t)
	}
	err := p.object("", func(name string) error { return p.member(&c, name) })
	if err == nil {
		err = p.scanner.End()
	}
	if err != nil {
		var known *DecodeError
		if errors.As(err, &known) {
			return Context{}, err
		}
		return Context{}, &DecodeError{Reason: ReasonContextNotJSON, Detail: "the request context is not a JSON object: " + err.Error(), Err: err}
	}
	if len(p.extra) > 0 {
		c.Extra = append(p.extra, '}')
	}
	return c, nil
}

type contextParser struct {
	scanner Scanner
	extra   []byte // an object without its closing brace
}

// object reads an object's members, each name once.
func (p *contextParser) object(path string, member func(name string) error) error {
	s := &p.scanner
	if err := s.ObjectStart(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for {
		text, ok, err := s.Member()
		if err != nil || !ok {
			return err
		}
		name := text.String()
		if seen[name] {
			return decodeErrorf(ReasonContextWrongType, "the request context has %s%s twice", path, name)
		}
		seen[name] = true
		if err := member(name); err != nil {
			return err
		}
	}
}

func (p *contextParser) member(c *Context, name string) error {
	switch name {
	case "transaction_id":
		return p.transactionID(c)
	case "correlation_id":
		return p.text(name, &c.CorrelationID)
	case "request_id":
		return p.text(name, &c.RequestID)
	case "trace_id":
		return p.text(name, &c.TraceID)
	case "on_behalf_of":
		return p.text(name, &c.OnBehalfOf)
	case "initiator":
		return p.text(name, &c.Initiator)
	case "service":
		return p.text(name, &c.Service)
	case "ip":
		return p.text(name, &c.IP)
	case "user_agent":
		return p.text(name, &c.UserAgent)
	case "reason":
		return p.text(name, &c.Reason)
	case "version_name":
		return p.text(name, &c.VersionName)
	case "timestamp":
		return p.timestamp(c)
	case "user":
		if p.null() {
			return p.scanner.Null()
		}
		if t := p.scanner.Peek(); t != TokenObject {
			return p.wrongType(name, "an object", t)
		}
		return p.object("user.", func(name string) error { return p.user(&c.User, name) })
	case "extra":
		if p.null() {
			return p.scanner.Null()
		}
		if t := p.scanner.Peek(); t != TokenObject {
			return p.wrongType(name, "an object", t)
		}
		return p.object("extra.", p.keep)
	}
	return p.keep(name)
}

func (p *contextParser) user(u *User, name string) error {
	switch name {
	case "id":
		return p.text("user.id", &u.ID)
	case "name":
		return p.text("user.name", &u.Name)
	case "email":
		return p.text("user.email", &u.Email)
	case "account_id":
		return p.text("user.account_id", &u.AccountID)
	case "roles":
		return p.roles(u)
	}
	return p.keep("user." + name)
}

// keep puts a member into extra.
func (p *contextParser) keep(name string) error {
	raw, err := p.scanner.Raw()
	if err != nil {
		return err
	}
	separator := byte(',')
	if len(p.extra) == 0 {
		separator = '{'
	}
	p.extra = append(p.extra, separator)
	p.extra = AppendString(p.extra, name)
	p.extra = append(p.extra, ':')
	p.extra = append(p.extra, raw...)
	return nil
}

func (p *contextParser) null() bool { return p.scanner.Peek() == TokenNull }

func (p *contextParser) text(name string, to *string) error {
	switch t := p.scanner.Peek(); t {
	case TokenNull:
		return p.scanner.Null()
	case TokenString:
		text, err := p.scanner.String()
		*to = text.String()
		return err
	default:
		return p.wrongType(name, "a string", t)
	}
}

func (p *contextParser) transactionID(c *Context) error {
	const expected = "a whole number from 0 to 2^64-1, or a string of its digits"
	var digits []byte
	switch t := p.scanner.Peek(); t {
	case TokenNull:
		return p.scanner.Null()
	case TokenNumber:
		text, err := p.scanner.Number()
		if err != nil {
			return err
		}
		digits = text
	case TokenString:
		text, err := p.scanner.String()
		if err != nil {
			return err
		}
		digits = text.Inner()
	default:
		return p.wrongType("transaction_id", expected, t)
	}
	n, ok := parseUint(digits)
	if !ok {
		return decodeErrorf(ReasonContextWrongType, "transaction_id of the request context: expected %s", expected)
	}
	c.TransactionID = &n
	return nil
}

func (p *contextParser) timestamp(c *Context) error {
	var text string
	if err := p.text("timestamp", &text); err != nil || text == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return decodeErrorf(ReasonContextWrongType, "timestamp of the request context: expected a time as in RFC 3339, such as 2026-11-23T02:43:54Z")
	}
	c.Timestamp = t.UTC()
	return nil
}

func (p *contextParser) roles(u *User) error {
	s := &p.scanner
	switch t := s.Peek(); t {
	case TokenNull:
		return s.Null()
	case TokenArray:
	default:
		return p.wrongType("user.roles", "an array of strings", t)
	}
	if err := s.ArrayStart(); err != nil {
		return err
	}
	for {
		ok, err := s.Element()
		if err != nil || !ok {
			return err
		}
		if t := s.Peek(); t != TokenString {
			return p.wrongType("user.roles", "an array of strings", t)
		}
		text, err := s.String()
		if err != nil {
			return err
		}
		u.Roles = append(u.Roles, text.String())
	}
}

// wrongType says that a field has another type than expected, or where the JSON is broken if it has none at all.
func (p *contextParser) wrongType(field, expected string, found Token) error {
	if found == TokenInvalid || found == TokenEnd {
		return p.scanner.Skip()
	}
	return decodeErrorf(ReasonContextWrongType, "%s of the request context: expected %s, found %s", field, expected, found)
}

// ContextFromRow reads a row of a context table. Its columns are named as the context's fields, the user's user_id,
// user_name, user_email, user_account_id and user_roles (a text array, a JSON array, or names separated by commas); a
// column "context" may hold the whole as JSON, which the other columns then complete. Columns with other names, such as the table's key, are
// ignored. The result shares no memory with the row. Errors are those of ParseContext.
func ContextFromRow(row Row) (Context, error) {
	var c Context
	if whole := row.Get("context"); whole.State == Present {
		var err error
		if c, err = ParseContext([]byte(whole.Text())); err != nil {
			return Context{}, err
		}
	}
	for i := range row {
		v := row[i].Value
		if v.State != Present {
			continue
		}
		if err := columnOfContext(&c, row[i].Name, v); err != nil {
			return Context{}, err
		}
	}
	return c, nil
}

func columnOfContext(c *Context, name string, v Value) error {
	var to *string
	switch name {
	case "correlation_id":
		to = &c.CorrelationID
	case "request_id":
		to = &c.RequestID
	case "trace_id":
		to = &c.TraceID
	case "user_id":
		to = &c.User.ID
	case "user_name":
		to = &c.User.Name
	case "user_email":
		to = &c.User.Email
	case "user_account_id":
		to = &c.User.AccountID
	case "on_behalf_of":
		to = &c.OnBehalfOf
	case "initiator":
		to = &c.Initiator
	case "service":
		to = &c.Service
	case "ip":
		to = &c.IP
	case "user_agent":
		to = &c.UserAgent
	case "reason":
		to = &c.Reason
	case "version_name":
		to = &c.VersionName
	case "transaction_id":
		if c.TransactionID != nil {
			return nil
		}
		n, ok := parseUint([]byte(v.Text()))
		if !ok {
			return columnType(name, "a whole number from 0 to 2^64-1")
		}
		c.TransactionID = &n
		return nil
	case "timestamp":
		return timestampColumn(c, v)
	case "user_roles":
		if c.User.Roles == nil {
			return rolesColumn(c, v)
		}
		return nil
	case "extra":
		return extraColumn(c, v)
	default:
		return nil
	}
	if *to == "" {
		*to = strings.Clone(v.Text())
	}
	return nil
}

func columnType(name, expected string) error {
	return decodeErrorf(ReasonContextWrongType, "column %s of the context table: expected %s", name, expected)
}

func timestampColumn(c *Context, v Value) error {
	if !c.Timestamp.IsZero() {
		return nil
	}
	text := v.Text()
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		// A column without a zone is taken as UTC.
		if t, err = time.Parse("2006-01-02T15:04:05.999999999", text); err != nil {
			return columnType("timestamp", "a time (type timestamptz)")
		}
	}
	c.Timestamp = t.UTC()
	return nil
}

func rolesColumn(c *Context, v Value) error {
	text := v.JSON
	if text[0] == '"' {
		content := v.Text()
		if !strings.HasPrefix(content, "[") {
			for _, role := range strings.Split(content, ",") {
				if role = strings.TrimSpace(role); role != "" {
					c.User.Roles = append(c.User.Roles, role)
				}
			}
			return nil
		}
		text = []byte(content)
	}
	p := contextParser{scanner: NewScanner(text)}
	if err := p.roles(&c.User); err != nil || p.scanner.End() != nil {
		return columnType("user_roles", "an array of text, a JSON array of strings, or names separated by commas")
	}
	return nil
}

func extraColumn(c *Context, v Value) error {
	if len(c.Extra) > 0 {
		return nil
	}
	text := v.JSON
	if text[0] == '"' {
		text = []byte(v.Text())
	}
	s := NewScanner(text)
	if s.Peek() != TokenObject || s.Skip() != nil || s.End() != nil {
		return columnType("extra", "a JSON object")
	}
	c.Extra = append(c.Extra, text...)
	return nil
}
