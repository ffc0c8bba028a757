package requestcontext

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Prefix is the prefix of the logical decoding messages that Dossier reads, unless configured otherwise
// (context.message_prefix).
const Prefix = "dossier.context"

// ErrNoContext is a transaction begun without a request context where the [Attacher] requires one.
var ErrNoContext = errors.New("no request context")

// Attacher says how the request context gets into a transaction. The zero value is the usual one: a message under
// [Prefix], and nothing where there is no context.
//
// Whatever goes in with it becomes part of the transaction: it is gone if the transaction, or the savepoint within which
// it was sent, is rolled back.
type Attacher struct {
	// Prefix of the message; [Prefix] if empty.
	Prefix string
	// Table, as "schema.table", makes it a row of this context table in place of a message. The table has the columns
	// of docs/context/request_context.sql.
	Table string
	// Required refuses to begin a transaction whose context.Context holds no request context, with [ErrNoContext]. By
	// default such a transaction begins as it would without this package, and Dossier shows its changes as
	// unattributed. Read-only transactions are never refused.
	Required bool
}

// Statement returns the SQL statement that attaches the request context of ctx to the transaction in which it runs, or ""
// if ctx holds none and none is required. It has no parameters, so that a driver can send it together with BEGIN, in
// one round trip; its literals are pure ASCII and safe under every setting of standard_conforming_strings and
// client_encoding.
func (a Attacher) Statement(ctx context.Context) (string, error) {
	c, ok := From(ctx)
	if !ok {
		if a.Required {
			return "", fmt.Errorf("%w: this transaction must say who asks for it: put one into its context.Context with requestcontext.With", ErrNoContext)
		}
		return "", nil
	}
	c, message, err := c.fit()
	if err != nil {
		return "", err
	}
	if a.Table != "" {
		return insert(a.Table, c)
	}
	prefix := a.Prefix
	if prefix == "" {
		prefix = Prefix
	}
	return "select pg_logical_emit_message(true, " + literal(prefix) + "::text, " + literal(string(message)) + "::text)", nil
}

var tableName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*)\.([A-Za-z_][A-Za-z0-9_$]*)$`)

// insert writes the columns that have a value: an absent field stays null.
func insert(table string, c Context) (string, error) {
	name := tableName.FindStringSubmatch(table)
	if name == nil {
		return "", fmt.Errorf("context table %q: expected schema.table in plain letters, digits and _, such as public.request_context", table)
	}
	var columns, values []string
	add := func(column, value string) {
		columns, values = append(columns, column), append(values, value)
	}
	text := func(column, value string) {
		if value != "" {
			add(column, literal(value))
		}
	}
	if c.TransactionID != 0 {
		add("transaction_id", strconv.FormatUint(c.TransactionID, 10))
	}
	text("correlation_id", c.CorrelationID)
	text("request_id", c.RequestID)
	text("trace_id", c.TraceID)
	text("user_id", c.User.ID)
	text("user_name", c.User.Name)
	text("user_email", c.User.Email)
	text("user_account_id", c.User.AccountID)
	if len(c.User.Roles) > 0 {
		roles := make([]string, len(c.User.Roles))
		for i, r := range c.User.Roles {
			roles[i] = literal(r)
		}
		add("user_roles", "array["+strings.Join(roles, ", ")+"]::text[]")
	}
	text("on_behalf_of", c.OnBehalfOf)
	text("initiator", c.Initiator)
	text("service", c.Service)
	text("ip", c.IP)
	text("user_agent", c.UserAgent)
	text("reason", c.Reason)
	text("version_name", c.VersionName)
	if !c.Timestamp.IsZero() {
		add(`"timestamp"`, literal(c.Timestamp.UTC().Format(time.RFC3339Nano)))
	}
	if len(c.Extra) > 0 {
		b, err := Context{Extra: c.Extra}.marshal()
		if err != nil {
			return "", err
		}
		// {"extra":{…}}: take the object within.
		extra := strings.TrimSuffix(strings.TrimPrefix(string(b), `{"extra":`), "}")
		add("extra", literal(extra))
	}
	into := `insert into "` + name[1] + `"."` + name[2] + `"`
	if len(columns) == 0 {
		return into + " default values", nil
	}
	return into + " (" + strings.Join(columns, ", ") + ") values (" + strings.Join(values, ", ") + ")", nil
}

// literal quotes s as a PostgreSQL string. The E” form reads backslashes the same under either
// standard_conforming_strings, and pure ASCII leaves no byte that a multibyte client_encoding could take for part of
// another character.
func literal(s string) string {
	var b strings.Builder
	b.WriteString("E'")
	for _, r := range s { // invalid UTF-8 gives U+FFFD
		switch {
		case r == 0:
			b.WriteString(`\ufffd`)
		case r == '\'':
			b.WriteString("''")
		case r == '\\':
			b.WriteString(`\\`)
		case r < ' ' || r >= utf8.RuneSelf && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
