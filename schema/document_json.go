package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strconv"
)

// AppendJSON appends the document in the form in which stores keep it, on one line, and returns its hash, which the document also
// carries as event.hash: the SHA-256, in unpadded base64url (43 characters), of this very text without the members event.created,
// event.ingested, event.hash and cdc.position. Those may differ between two deliveries of one change; all else must not.
//
// What is empty is left out. Values' JSON texts are spliced in as they are: they must be valid JSON.
func (d *Document) AppendJSON(b []byte) (_ []byte, hash string) {
	start := len(b)
	b = append(b, `{"@timestamp":"`...)
	b = appendTime(b, d.Time)
	b = append(b, `","audit":`...)
	b = d.appendAudit(b)
	b = d.Context.appendWho(b)
	b = append(b, `,"entity":`...)
	b = d.Entity.appendJSON(b)
	b = d.appendVersion(b)
	if d.Kind == DocumentFieldChange {
		b = append(b, `,"change":{"field":`...)
		b = appendJSONString(b, d.Change.Field)
		b = append(b, `,"previous":`...)
		b = appendSearchable(b, d.Change.Previous)
		b = append(b, `,"current":`...)
		b = append(appendSearchable(b, d.Change.Current), '}')
	}
	b = d.appendRows(b)
	b = d.Feedback.appendDocument(b)
	b = d.Transaction.appendDocument(b)
	b = append(b, `,"cdc":`...)
	b = d.CDC.appendDocument(b)
	position := len(b) - start
	b = appendStringMember(b, `,"position":`, d.CDC.Position)
	afterPosition := len(b) - start
	b = append(b, `},"event":{"id":`...)
	b = appendJSONString(b, d.EventID)
	b = appendStringMember(b, `,"action":`, string(d.Action))
	if d.Context != nil {
		b = appendStringMember(b, `,"reason":`, d.Context.Reason)
	}

	sum := sha256.New()
	sum.Write(b[start : start+position])
	sum.Write(b[start+afterPosition:])
	sum.Write([]byte("}}"))
	var digest [sha256.Size]byte
	hash = base64.RawURLEncoding.EncodeToString(sum.Sum(digest[:0]))

	b = appendTimeMember(b, `,"created":`, d.Created)
	b = appendTimeMember(b, `,"ingested":`, d.Ingested)
	b = append(b, `,"hash":"`...)
	b = append(b, hash...)
	return append(b, `"}}`...), hash
}

// Hash returns the document's hash: see AppendJSON.
func (d *Document) Hash() string {
	_, hash := d.AppendJSON(nil)
	return hash
}

func (d *Document) appendAudit(b []byte) []byte {
	o := openObject(b)
	o.string("kind", string(d.Kind))
	if c := d.Context; c != nil {
		o.string("context", string(c.Status))
		o.string("route", string(c.Route))
		o.string("initiator", c.Initiator)
		o.string("correlation_id", c.CorrelationID)
		if len(c.Candidates) > 0 {
			o.key("candidates")
			o.b = append(o.b, '[')
			for i := range c.Candidates {
				if i > 0 {
					o.b = append(o.b, ',')
				}
				o.b = c.Candidates[i].appendJSON(o.b)
			}
			o.b = append(o.b, ']')
		}
		if len(c.Extra) > 0 {
			o.key("extra")
			o.b = appendOneLine(o.b, c.Extra)
		}
	}
	o.string("scope", d.Scope)
	o.string("pair_id", d.PairID)
	return o.close()
}

// appendWho appends what the context says of who asked, from where: the members of the Elastic Common Schema.
func (c *EventContext) appendWho(b []byte) []byte {
	if c == nil {
		return b
	}
	if !c.User.IsZero() || c.OnBehalfOf != "" {
		o := openObject(append(b, `,"user":`...))
		o.string("id", c.User.ID)
		o.string("name", c.User.Name)
		o.string("email", c.User.Email)
		if len(c.User.Roles) > 0 {
			o.key("roles")
			o.b = appendStringArray(o.b, c.User.Roles)
		}
		if c.OnBehalfOf != "" {
			o.key("effective")
			o.b = append(o.b, `{"id":`...)
			o.b = append(appendJSONString(o.b, c.OnBehalfOf), '}')
		}
		b = o.close()
	}
	b = appendNested(b, `,"organization":{"id":`, c.User.AccountID)
	if c.IP != "" {
		b = append(b, `,"client":`...)
		b = appendClient(b, c.IP)
	}
	if agent := c.userAgent(); agent != (UserAgent{}) {
		o := openObject(append(b, `,"user_agent":`...))
		o.string("original", agent.Original)
		o.string("name", agent.Name)
		o.named("os", agent.OS)
		o.named("device", agent.Device)
		b = o.close()
	}
	b = appendNested(b, `,"trace":{"id":`, c.TraceID)
	if c.RequestID != "" {
		b = append(b, `,"http":{"request":{"id":`...)
		b = append(appendJSONString(b, c.RequestID), "}}"...)
	}
	return appendNested(b, `,"service":{"name":`, c.Service)
}

// appendClient writes the address as client.ip where it is an IP address, and the text as it came as client.address where it is
// anything else: a store refuses a document whose IP address is none, and applications send many things.
func appendClient(b []byte, text string) []byte {
	o := openObject(b)
	ip := ""
	if addr, err := netip.ParseAddr(text); err == nil {
		ip = addr.WithZone("").String()
	}
	o.string("ip", ip)
	if ip != text {
		o.string("address", text)
	}
	return o.close()
}

func (n *DocumentEntity) appendJSON(b []byte) []byte {
	o := openObject(b)
	o.string("type", n.Type)
	o.string("id", n.ID)
	if n.Parent != nil {
		o.key("parent")
		parent := openObject(o.b)
		parent.string("type", n.Parent.Type)
		parent.string("id", n.Parent.ID)
		o.b = parent.close()
	}
	o.string("next_id", n.NextID)
	o.string("previous_id", n.PreviousID)
	return o.close()
}

func (d *Document) appendRows(b []byte) []byte {
	if d.Kind != DocumentRowVersion {
		return b
	}
	o := openObject(append(b, `,"row":`...))
	if len(d.Fields) > 0 {
		o.key("fields")
		o.b = appendStringArray(o.b, d.Fields)
	}
	o.row("before", d.Before)
	o.row("after", d.After)
	if before, after := hasStates(d.Before), hasStates(d.After); before || after {
		o.key("states")
		states := openObject(o.b)
		if before {
			states.states("before", d.Before)
		}
		if after {
			states.states("after", d.After)
		}
		o.b = states.close()
	}
	return o.close()
}

// appendDocument appends the coordinates without the position, and leaves the object open for it. What came from no database (feedback, a version
// named by a request) has none.
func (c *CDC) appendDocument(b []byte) []byte {
	if *c == (CDC{Connector: c.Connector, Snapshot: c.Snapshot}) {
		return append(b, '{')
	}
	b = append(b, `{"source":`...)
	b = appendJSONString(b, c.Source)
	b = appendStringMember(b, `,"schema":`, c.Schema)
	b = appendStringMember(b, `,"table":`, c.Table)
	if c.Op != 0 {
		b = append(b, `,"op":`...)
		b = appendJSONString(b, []byte{byte(c.Op)})
	}
	if c.HasTx {
		b = append(b, `,"tx_id":`...)
		b = strconv.AppendUint(b, c.TxID, 10)
	}
	return b
}

// appendSearchable appends a value's state, its exact JSON and the forms in which it can be searched.
func appendSearchable(b []byte, v Value) []byte {
	b = append(b, `{"state":`...)
	b = appendJSONString(b, v.State.String())
	if v.State != Present {
		return append(b, '}')
	}
	b = append(b, `,"json":`...)
	b = appendJSONString(b, v.JSON)
	text := v.Text()
	if exact, ok := exactForm(text); ok {
		b = append(b, `,"exact":`...)
		b = appendJSONString(b, exact)
	}
	b = append(b, `,"text":`...)
	b = appendJSONString(b, textForm(text))
	if f, ok := numberForm(text); ok {
		b = append(b, `,"number":`...)
		b = appendDouble(b, f)
	}
	if isDate(text) {
		b = append(b, `,"date":`...)
		b = appendJSONString(b, text)
	}
	return append(b, '}')
}

// row writes a row's present and null values as an object.
func (o *objectWriter) row(name string, row Row) {
	if row == nil {
		return
	}
	o.key(name)
	values := openObject(o.b)
	for i := range row {
		switch v := &row[i].Value; v.State {
		case Present:
			values.key(row[i].Name)
			values.b = appendOneLine(values.b, v.JSON)
		case Null:
			values.key(row[i].Name)
			values.b = append(values.b, "null"...)
		}
	}
	o.b = values.close()
}

// named writes {"name":value} where there is a value.
func (o *objectWriter) named(name, value string) {
	if value != "" {
		o.key(name)
		o.b = append(o.b, `{"name":`...)
		o.b = append(appendJSONString(o.b, value), '}')
	}
}

// appendNested appends an object's only member, opened by prefix, where there is a value.
func appendNested(b []byte, prefix, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, prefix...)
	return append(appendJSONString(b, value), '}')
}

// appendOneLine appends JSON without its line breaks, if it has any: stores take documents line by line.
func appendOneLine(b, raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return append(b, raw...)
	}
	out := bytes.NewBuffer(b)
	if json.Compact(out, raw) != nil {
		// Not JSON, which the decoders exclude: as a string it does no harm to its neighbours.
		return appendJSONString(b, raw)
	}
	return out.Bytes()
}
