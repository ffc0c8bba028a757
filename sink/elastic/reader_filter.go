package elastic

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"dossier/query"
	"dossier/schema"
)

var (
	everything = object{"match_all": object{}}
	nothing    = object{"match_none": object{}}
)

// clause returns the store's form of a filter that has been checked. Whatever a caller wrote is a value in it and never a part of its language.
func clause(f query.Filter) object {
	switch f := f.(type) {
	case nil:
		return everything
	case query.And:
		if len(f) == 0 {
			return everything
		}
		return object{"bool": object{"filter": clauses(f)}}
	case query.Or:
		if len(f) == 0 {
			return nothing
		}
		return anyOf(clauses(f)...)
	case query.Not:
		return object{"bool": object{"must_not": []any{clause(f.Filter)}}}
	case query.Equal:
		return equalClause(f)
	case query.Like:
		return likeClause(f)
	case query.Exists:
		return existsClause(f)
	case query.Match:
		return matchClause(f)
	case query.Compare:
		return compareClause(f)
	case query.Between:
		return betweenClause(f)
	case query.Beyond:
		return object{"range": object{string(f.Field): object{"gt": f.Bound}}}
	}
	panic(fmt.Sprintf("a filter of type %T has not been checked", f))
}

func clauses(filters []query.Filter) []any {
	list := make([]any, len(filters))
	for i, f := range filters {
		list[i] = clause(f)
	}
	return list
}

func anyOf(clauses ...any) object {
	return object{"bool": object{"should": clauses, "minimum_should_match": 1}}
}

func equalClause(f query.Equal) object {
	values := f.Values
	if f.Field == query.FieldEventID {
		return eventClause(values)
	}
	switch query.Fields[f.Field] {
	case query.FormAddress:
		values = convert(values, address)
	case query.FormInteger:
		values = convert(values, integer)
	}
	switch len(values) {
	case 0:
		return nothing
	case 1:
		return object{"term": object{string(f.Field): object{"value": values[0]}}}
	}
	return object{"terms": object{string(f.Field): values}}
}

// headLength is how many characters of an event's id are indexed. The ids are hashes, so one document of 4,096 begins alike; the whole id is compared for those that do.
// An index of whole ids takes more space than all else that is indexed together, one of three characters twice as much as of two.
const headLength = 2

// eventClause finds the documents of events.
func eventClause(ids []string) object {
	var heads []string
	for _, id := range ids {
		if id != "" { // which no head leads to, as no event is without an id
			heads = append(heads, headOf(id))
		}
	}
	if len(heads) == 0 {
		return nothing
	}
	return object{"bool": object{"filter": []any{object{"terms": object{"event.id.head": heads}}, object{"terms": object{"event.id": ids}}}}}
}

// headOf returns the beginning of an event's id, as the analyzer dossier_head does.
func headOf(id string) string {
	n := 0
	for i := range id {
		if n == headLength {
			return id[:i]
		}
		n++
	}
	return id
}

// convert brings texts into the one form that the store takes, and leaves out those that have none: they equal nothing.
func convert(texts []string, form func(string) (string, bool)) []string {
	var list []string
	for _, text := range texts {
		if s, ok := form(text); ok {
			list = append(list, s)
		}
	}
	return list
}

// integer is the form of a whole number.
func integer(text string) (string, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return strconv.FormatUint(n, 10), err == nil
}

// address is the form of an address or a network. The store takes IPv4 addresses for those of ::ffff:0:0/96, too.
func address(text string) (string, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.WithZone("").Unmap().String(), true
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		return "", false
	}
	if n = n.Masked(); n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.String(), true
}

func likeClause(f query.Like) object {
	var literal strings.Builder
	wildcards, everywhere := 0, len(f.Pattern) > 0
	for _, part := range f.Pattern {
		if part.Any || part.One {
			wildcards++
		}
		everywhere = everywhere && part.Any
		literal.WriteString(part.Literal)
	}
	switch {
	case everywhere:
		return existsClause(query.Exists{Field: f.Field}) // values too long for a pattern included
	case wildcards == 0:
		return equalClause(query.Is(f.Field, literal.String())) // a wildcard query does not find the empty text
	}
	pattern, units := wildcardPattern(f.Pattern)
	if units > schema.ExactLimit {
		return nothing // nothing of that length is searchable
	}
	return object{"wildcard": object{string(f.Field): object{"value": pattern}}}
}

// wildcardPattern writes a pattern in the language of wildcard queries, and counts the UTF-16 units that a text has at least to fit it.
func wildcardPattern(p query.Pattern) (pattern string, units int) {
	var b strings.Builder
	for i, part := range p {
		switch {
		case part.Any:
			if i == 0 || !p[i-1].Any {
				b.WriteByte('*')
			}
		case part.One:
			b.WriteByte('?')
			units++
		default:
			for _, r := range part.Literal {
				if r == '*' || r == '?' || r == '\\' {
					b.WriteByte('\\')
				}
				b.WriteRune(r)
				units += utf16.RuneLen(r)
			}
		}
	}
	return b.String(), units
}

// existsClause also finds values that are too long to be searched: the store notes their fields' names.
func existsClause(f query.Exists) object {
	return anyOf(object{"exists": object{"field": string(f.Field)}}, object{"term": object{"_ignored": object{"value": string(f.Field)}}})
}

func compareClause(f query.Compare) object {
	bounds := object{}
	for _, side := range []struct {
		bound            *query.NumberBound
		within, at       string
		beyond, harmless int // the sign of an infinity that nothing is within, and of one that everything is
	}{{f.Above, "gt", "gte", 1, -1}, {f.Below, "lt", "lte", -1, 1}} {
		switch {
		case side.bound == nil:
		case math.IsNaN(side.bound.Value), math.IsInf(side.bound.Value, side.beyond):
			return nothing
		case math.IsInf(side.bound.Value, side.harmless):
		case side.bound.Inclusive:
			bounds[side.at] = side.bound.Value
		default:
			bounds[side.within] = side.bound.Value
		}
	}
	if len(bounds) == 0 {
		return object{"exists": object{"field": string(f.Field)}}
	}
	return object{"range": object{string(f.Field): bounds}}
}

// nanosFormat is the format of times to the nanosecond in questions, and timeLayout writes a time in it.
const (
	nanosFormat = "strict_date_optional_time_nanos"
	timeLayout  = "2006-01-02T15:04:05.000000000Z"
)

// The times that a field of each kind can hold.
var (
	earliestNanos = time.Unix(0, 0).UTC()
	latestNanos   = time.Unix(0, math.MaxInt64).UTC()
	earliestDate  = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestDate    = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

func clamp(t, earliest, latest time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

func betweenClause(f query.Between) object {
	earliest, latest := earliestNanos, latestNanos
	if f.Field != query.FieldTime {
		earliest, latest = earliestDate, latestDate
	}
	bounds := object{}
	if from := f.From.UTC(); !f.From.IsZero() {
		if from.After(latest) {
			return nothing
		}
		if from.After(earliest) {
			bounds["gte"] = from.Format(timeLayout)
		}
	}
	if to := f.To.UTC(); !f.To.IsZero() {
		if !to.After(earliest) {
			return nothing
		}
		if !to.After(latest) {
			bounds["lt"] = to.Format(timeLayout)
		}
	}
	if len(bounds) == 0 {
		return object{"exists": object{"field": string(f.Field)}}
	}
	if bounds["gte"] == nil && f.Field == query.FieldTime {
		// A count by day fails on a range of nanoseconds without a lower end, which Elasticsearch takes for one before 1970.
		bounds["gte"] = earliest.Format(timeLayout)
	}
	bounds["format"] = nanosFormat
	return object{"range": object{string(f.Field): bounds}}
}
