package query

import (
	"slices"
	"strings"

	"dossier/schema"
)

// searchKey is what a condition can be about.
type searchKey struct {
	name string
	sort keySort
	// fields are the document's fields of which one is enough; for a reference the type's and the id's.
	fields []Field
	// choices are all values that there are; nil where any text can be one.
	choices []string
}

// keySort says what a key's values are.
type keySort uint8

const (
	textKey      keySort = iota // any text
	referenceKey                // an id, or type/id
	tableKey                    // a table, or schema.table
	networkKey                  // an address or a network
	numberKey                   // a whole number
	timeKey                     // times and spans of time
	kindKey                     // kinds of items
	fieldKey                    // the name of a changed field
	oldKey                      // a changed field's values
	newKey
	eitherKey
)

var searchKeys = []searchKey{
	{name: "user", fields: []Field{FieldUserID, FieldUserName, FieldUserEmail}},
	{name: "on_behalf_of", fields: []Field{FieldEffectiveUser}},
	{name: "account", fields: []Field{FieldAccount}},
	{name: "initiator", fields: []Field{FieldInitiator}},
	{name: "service", fields: []Field{FieldService}},
	{name: "ip", sort: networkKey, fields: []Field{FieldIP}},
	{name: "trace", fields: []Field{FieldTraceID}},
	{name: "reason", fields: []Field{FieldReason}},
	{name: "request", fields: []Field{FieldRequestID, FieldCorrelationID}},
	{name: "entity", sort: referenceKey, fields: []Field{FieldEntityType, FieldEntityID}},
	{name: "type", fields: []Field{FieldEntityType}},
	{name: "parent", sort: referenceKey, fields: []Field{FieldParentType, FieldParentID}},
	{name: "scope", fields: []Field{FieldScope}},
	{name: "source", fields: []Field{FieldSource}},
	{name: "table", sort: tableKey, fields: []Field{FieldSchema, FieldTable}},
	{name: "tx", sort: numberKey, fields: []Field{FieldTxID}},
	{name: "event", fields: []Field{FieldEventID}},
	{name: "field", sort: fieldKey, fields: []Field{FieldChangeField}},
	{name: "old", sort: oldKey},
	{name: "new", sort: newKey},
	{name: "value", sort: eitherKey},
	{name: "action", fields: []Field{FieldAction}, choices: []string{
		string(schema.ActionCreate), string(schema.ActionUpdate), string(schema.ActionDelete),
		string(schema.ActionRekey), string(schema.ActionTruncate), string(schema.ActionSnapshot)}},
	{name: "context", fields: []Field{FieldContext}, choices: []string{
		string(schema.StatusAttached), string(schema.StatusLate), string(schema.StatusUnattributed), string(schema.StatusAmbiguous)}},
	{name: "route", fields: []Field{FieldRoute}, choices: []string{
		string(schema.RouteMessage), string(schema.RouteTable), string(schema.RouteTopic), string(schema.RouteColumns)}},
	{name: "version", fields: []Field{FieldVersionName}},
	{name: "kind", sort: kindKey, choices: []string{KindChange, KindTruncate, KindNamedVersion, KindFeedback}},
	{name: "created", sort: timeKey, fields: []Field{FieldTime}},
	{name: "application", fields: []Field{FieldApplication}},
	{name: "status", fields: []Field{FieldStatus}},
}

// values says whether the key is about a changed field's values.
func (k *searchKey) values() bool { return k.sort == oldKey || k.sort == newKey || k.sort == eitherKey }

// compares says whether the key's values can be compared, and not only be equal.
func (k *searchKey) compares() bool { return k.values() || k.sort == timeKey }

// expects says what can be compared.
func (k *searchKey) expects() string {
	if k.sort == timeKey {
		return "a time such as 2026-11-23, 2026-11-23T14:30:00Z or -7d"
	}
	return "a number or a time such as 2026-11-23"
}

// feedback says whether feedback alone has what the key is about.
func (k *searchKey) feedback() bool { return k.name == "application" || k.name == "status" }

// keyNamed returns the key with that name, which stands at a position.
func keyNamed(name string, at int) (*searchKey, error) {
	names := make([]string, len(searchKeys))
	for i := range searchKeys {
		if searchKeys[i].name == name {
			return &searchKeys[i], nil
		}
		names[i] = searchKeys[i].name
	}
	if name == "" {
		return nil, faultAt(at, `expected a key before ":", such as user:; words with a colon stand in quotes`)
	}
	if near := suggest(name, names); near != "" {
		return nil, faultAt(at, "there is no key %s:, did you mean %s:?", quoteShort(name), near)
	}
	return nil, faultAt(at, "there is no key %s: (words with a colon stand in quotes); the keys are %s", quoteShort(name), strings.Join(names, ", "))
}

// quoteShort returns the beginning of a text, for a message.
func quoteShort(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

// otherNames are what the keys are called elsewhere.
var otherNames = map[string]string{
	"id": "entity", "entity_id": "entity", "entity_type": "type", "before": "old", "after": "new", "previous": "old", "current": "new",
	"from": "old", "to": "new", "time": "created", "date": "created", "timestamp": "created", "when": "created", "at": "created", "who": "user",
	"by": "user", "name": "user", "email": "user", "author": "user", "column": "field", "attribute": "field", "op": "action", "operation": "action",
	"transaction": "tx", "tx_id": "tx", "txid": "tx", "correlation": "request", "correlation_id": "request", "request_id": "request",
	"trace_id": "trace", "address": "ip", "client": "ip", "organization": "account", "why": "reason", "app": "application", "survey": "version",
}

// maxSuggestedDistance is how many slips of the pen a name may be away from the one that was meant.
const maxSuggestedDistance = 2

// suggest returns the name that was probably meant; "" if none is near.
func suggest(name string, names []string) string {
	name = strings.ToLower(name)
	if other, ok := otherNames[name]; ok && slices.Contains(names, other) {
		return other
	}
	best, least := "", min(maxSuggestedDistance, (len(name)+1)/2)+1
	if len(name) > 32 {
		return ""
	}
	for _, candidate := range names {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many characters have to be put in, taken out, changed or swapped with their neighbour to make one text of the other.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range t {
		rows[0][j+1] = j + 1
	}
	for i := range s {
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			d := min(rows[i][j]+cost, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(s)][len(t)]
}
