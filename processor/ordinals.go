package processor

import (
	"crypto/sha256"

	"dossier/schema"
)

// ordinals tell equal rows without a key apart: rows of one COPY share their LSN, and twice the same row is two rows. They count
// occurrences of the same content at the same place in the log. A repeated delivery counts anew from the start, and so
// gives the same ordinals; it shows by an order in the transaction that does not rise.
//
// One partition's changes come in order, so each partition has its own.
type ordinals struct {
	tx          uint64
	coordinates string
	order       uint64
	seen        map[[sha256.Size]byte]uint64
}

func (o *ordinals) next(c *schema.Change, content []byte) uint64 {
	if o.seen == nil || o.tx != c.TxID || o.coordinates != c.Coordinates || c.TotalOrder != 0 && c.TotalOrder <= o.order {
		o.seen = make(map[[sha256.Size]byte]uint64)
	}
	o.tx, o.coordinates, o.order = c.TxID, c.Coordinates, c.TotalOrder
	sum := sha256.Sum256(content)
	n := o.seen[sum]
	o.seen[sum] = n + 1
	return n
}

// ordinalRewind is how many records before the committed offset a partition is read again after an assignment, without
// output, so that ordinals go on where they stood: more than the rows that one WAL record of a COPY holds.
const ordinalRewind = 512
