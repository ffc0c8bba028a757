package population

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossier/internal/demo"
	"dossier/test/stack/corpus"
)

// shifter moves records to the time that the year has for their transaction. The commit falls within a millisecond after that moment; the
// record's own time and the times at which Debezium read and wrote keep their distance to it. A move is of whole milliseconds, so that a time
// in microseconds still agrees with the same one in milliseconds.
type shifter struct {
	planned map[uint64]time.Time     // by the low 32 bits of the transaction's number
	by      map[uint64]time.Duration // what is added to each time of the transaction
	base    *time.Duration           // the same for the baseline's rows
}

func newShifter(transactions []transaction) (*shifter, error) {
	s := &shifter{planned: map[uint64]time.Time{}, by: map[uint64]time.Duration{}}
	for _, t := range transactions {
		low := t.id & 0xffffffff
		if _, twice := s.planned[low]; twice {
			return nil, fmt.Errorf("two transactions with the number %d", low)
		}
		s.planned[low] = t.at
	}
	return s, nil
}

// envelope is what the recorder needs to know of a record.
type envelope struct {
	Source *struct {
		Snapshot string
		TxID     uint64 `json:"txId"`
		Micros   int64  `json:"ts_us"`
	}
	ID string // "number:position" on the topic of transactions
}

// shift moves all records, and orders them by time. Records of one partition keep their order; where the shifted times do not, that is an
// error: the workload's steps lie too close together.
func (s *shifter) shift(records []corpus.Record) ([]demo.Record, error) {
	for _, r := range records {
		if err := s.learn(r); err != nil {
			return nil, fmt.Errorf("%s/%d at %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
	}
	type place struct {
		topic     string
		partition int32
	}
	type placed struct {
		demo.Record
		offset int64
	}
	moved := make([]placed, 0, len(records))
	last := map[place]uint64{}
	for _, r := range records {
		at := place{r.Topic, r.Partition}
		tx, by, err := s.of(r)
		if r.Value == nil { // a tombstone follows the delete whose it is
			tx, by, err = last[at], s.by[last[at]], nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s/%d at %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		last[at] = tx
		record := demo.Record{Topic: r.Topic, Partition: r.Partition, Time: r.Timestamp.Add(by).Truncate(time.Millisecond), Key: r.Key, Value: shiftTimes(r.Value, by)}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, demo.Header{Key: h.Key, Value: h.Value})
		}
		moved = append(moved, placed{record, r.Offset})
	}
	slices.SortStableFunc(moved, func(a, b placed) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.offset, b.offset))
	})
	out, offsets := make([]demo.Record, len(moved)), map[place]int64{}
	for i, r := range moved {
		at := place{r.Topic, r.Partition}
		if before, ok := offsets[at]; ok && r.offset < before {
			return nil, fmt.Errorf("%s/%d: offset %d comes before %d by the shifted times; plan the year's steps further apart", r.Topic, r.Partition, before, r.offset)
		}
		offsets[at], out[i] = r.offset, r.Record
	}
	return out, nil
}

// learn finds out by how much a record's transaction is to be moved.
func (s *shifter) learn(r corpus.Record) error {
	var e envelope
	if r.Value == nil {
		return nil
	}
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return err
	}
	if e.Source == nil {
		return nil
	}
	commit := time.UnixMicro(e.Source.Micros)
	if e.Source.Snapshot != "" && e.Source.Snapshot != "false" {
		if s.base == nil {
			by := whole(snapshotTime.Sub(commit))
			s.base = &by
		}
		return nil
	}
	planned, ok := s.planned[e.Source.TxID]
	if !ok {
		return fmt.Errorf("transaction %d is none of the workload's", e.Source.TxID)
	}
	by := whole(planned.Sub(commit))
	if before, ok := s.by[e.Source.TxID]; ok && before != by {
		return fmt.Errorf("transaction %d has two commit times", e.Source.TxID)
	}
	s.by[e.Source.TxID] = by
	return nil
}

func (s *shifter) of(r corpus.Record) (tx uint64, by time.Duration, err error) {
	var e envelope
	if r.Value == nil {
		return 0, 0, nil
	}
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return 0, 0, err
	}
	switch {
	case e.Source == nil:
		number, _, _ := strings.Cut(e.ID, ":")
		if tx, err = strconv.ParseUint(number, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("neither a change nor a transaction: %.200s", r.Value)
		}
	case e.Source.Snapshot != "" && e.Source.Snapshot != "false":
		return 0, *s.base, nil
	default:
		tx = e.Source.TxID
	}
	by, ok := s.by[tx]
	if !ok {
		return 0, 0, fmt.Errorf("transaction %d has no change that would tell its commit time", tx)
	}
	return tx, by, nil
}

// times are Debezium's: when the transaction was committed (source.ts_…), and when the connector read it or wrote of it (ts_…). In a row's texts
// a quotation mark is escaped, so none of these is a row's.
var times = regexp.MustCompile(`"ts_(ms|us|ns)":([0-9]+)`)

var units = map[string]time.Duration{"ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}

func shiftTimes(value []byte, by time.Duration) []byte {
	if value == nil {
		return nil
	}
	return times.ReplaceAllFunc(value, func(found []byte) []byte {
		m := times.FindSubmatch(found)
		n, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil || n == 0 {
			return found
		}
		return fmt.Appendf(nil, `"ts_%s":%d`, m[1], n+int64(by/units[string(m[1])]))
	})
}

// whole rounds up to milliseconds.
func whole(d time.Duration) time.Duration {
	if rest := d % time.Millisecond; rest > 0 {
		return d - rest + time.Millisecond
	} else {
		return d - rest
	}
}
