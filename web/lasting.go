package web

import (
	"slices"

	"dossier/query"
)

// lasting returns of an answer what says whether it is still the same one: without the moment that "now" was when it was asked for, and of a cursor, which holds that
// moment too, no more than that there is one: where the items are the same, an earlier cursor goes on behind the same item. momentary says that the answer has more
// than that, so that its bytes are others each time.
func lasting(p parameters, body any) (same any, momentary bool) {
	switch b := body.(type) {
	case *query.State:
		if isNow(p) {
			s := *b
			s.AsOf = nil
			return &s, true
		}
	case *query.Diff:
		if p["b"] == "" {
			s := *b
			s.B.AsOf = nil
			return &s, true
		}
	case *query.States:
		s := query.States{Items: slices.Clone(b.Items), Next: b.Next}
		for i := range s.Items {
			if isNow(p) {
				s.Items[i].AsOf = nil
			}
		}
		return &s, withoutPlace(&s.Next) || isNow(p)
	case *query.History:
		s := *b
		return &s, withoutPlace(&s.Next)
	case *query.Changes:
		s := *b
		return &s, withoutPlace(&s.Next)
	case *query.Request:
		s := *b
		return &s, withoutPlace(&s.Next)
	case *query.Transaction:
		s := *b
		return &s, withoutPlace(&s.Next)
	case *query.NamedVersions:
		s := *b
		return &s, withoutPlace(&s.Next)
	case *query.VersionContent:
		s := *b
		return &s, withoutPlace(&s.Next)
	}
	return body, false
}

// isNow says whether a state was asked for as it is now.
func isNow(p parameters) bool {
	return p["as_of"] == "" && p["version"] == "" && p["position"] == "" && p["event"] == ""
}

// withoutPlace leaves of a cursor that there is one, and says whether there is.
func withoutPlace(next *string) bool {
	if *next == "" {
		return false
	}
	*next = "more"
	return true
}
