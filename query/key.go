package query

import (
	"cmp"
	"strings"
)

// Compare orders keys as OldestFirst does: negative where k comes before o.
func (k Key) Compare(o Key) int {
	return cmp.Or(k.Time.Compare(o.Time), strings.Compare(k.Position, o.Position), strings.Compare(k.EventID, o.EventID), strings.Compare(string(k.Kind), string(o.Kind)),
		strings.Compare(k.Field, o.Field))
}

// Compare orders keys: negative where a comes before b in the order.
func (o Order) Compare(a, b Key) int {
	switch o {
	case NewestFirst:
		return b.Compare(a)
	case CommitOrder:
		return cmp.Or(strings.Compare(a.Position, b.Position), a.Compare(b))
	case CommitOrderReverse:
		return cmp.Or(strings.Compare(b.Position, a.Position), b.Compare(a))
	}
	return a.Compare(b)
}
