package tail

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Position says for each partition of the audit topic which offset comes next.
type Position map[int32]int64

// maxPartitions bounds a position that a client sends.
const maxPartitions = 10_000

// String writes a position as clients keep it: "0:15,1:7".
func (p Position) String() string {
	var b []byte
	for i, partition := range slices.Sorted(maps.Keys(p)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(partition), 10)
		b = append(b, ':')
		b = strconv.AppendInt(b, p[partition], 10)
	}
	return string(b)
}

// ParsePosition reads what String wrote.
func ParsePosition(text string) (Position, error) {
	p := Position{}
	for part := range strings.SplitSeq(text, ",") {
		partition, offset, ok := strings.Cut(part, ":")
		n, err := strconv.ParseInt(partition, 10, 32)
		at, err2 := strconv.ParseInt(offset, 10, 64)
		if _, twice := p[int32(n)]; !ok || err != nil || err2 != nil || n < 0 || at < 0 || twice || len(p) == maxPartitions {
			return nil, fmt.Errorf("%.40q is no position in the events; expected the id of an event, such as 0:15,1:7", text)
		}
		p[int32(n)] = at
	}
	return p, nil
}
