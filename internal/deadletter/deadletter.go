// Package deadletter says what a dead letter is: a record that a stage could not process, kept on the dead-letter topic
// with its original key, value and headers byte for byte, and with headers that say whence it came and why it is there.
//
// It writes and reads such records and knows what the topic needs; it produces and consumes nothing itself.
package deadletter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The stages that write dead letters.
const (
	StageProcessor = "processor" // a change record
	StageContext   = "context"   // a record of a context route
	StageSink      = "sink"      // an audit event
	StageFeedback  = "feedback"  // a record of the feedback topic
)

// The headers that a dead letter has beside the original's. They stand after those.
const (
	headerPrefix    = "dossier.dlq."
	HeaderStage     = headerPrefix + "stage"
	HeaderReason    = headerPrefix + "reason" // a short stable code, such as not_an_envelope
	HeaderDetail    = headerPrefix + "detail" // a sentence
	HeaderTopic     = headerPrefix + "topic"
	HeaderPartition = headerPrefix + "partition"
	HeaderOffset    = headerPrefix + "offset"
	HeaderTimestamp = headerPrefix + "timestamp" // the original's own, RFC 3339
	HeaderAt        = headerPrefix + "at"        // when the stage gave up, RFC 3339
)

var ourHeaders = [...]string{HeaderStage, HeaderReason, HeaderDetail, HeaderTopic, HeaderPartition, HeaderOffset, HeaderTimestamp, HeaderAt}

// maxDetail is how much of a detail is kept, in bytes: it is a sentence, and must not make the letter too large.
const maxDetail = 2 << 10

// Letter is a dead letter as it was read.
type Letter struct {
	Stage    string
	Reason   string
	Detail   string
	Original schema.Record
	At       time.Time // when the stage gave up
}

// New returns the dead letter of a record, for topic. It shares the original's memory. A detail beyond 2 KiB is cut.
//
// The record must be produced with a batch limit of MaxRecordBytes to a topic with TopicConfig; then every original that Kafka let in
// elsewhere fits. Where it is refused all the same, the stage must stop, not go on without it.
func New(topic string, orig *schema.Record, stage, reason, detail string, at time.Time) *kgo.Record {
	r := &kgo.Record{Topic: topic, Key: orig.Key, Value: orig.Value, Timestamp: at,
		Headers: make([]kgo.RecordHeader, 0, len(orig.Headers)+len(ourHeaders))}
	for _, h := range orig.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	for i, value := range [...]string{
		stage, reason, cut(detail), orig.Topic, strconv.FormatInt(int64(orig.Partition), 10), strconv.FormatInt(orig.Offset, 10),
		formatTime(orig.Time), formatTime(at),
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: ourHeaders[i], Value: []byte(value)})
	}
	return r
}

// Parse reads a dead letter. The letter shares the record's memory. The original may itself have had headers by these names, being a
// record of a dead-letter topic: of each name the last header is the letter's own, and the others are the original's.
func Parse(r *kgo.Record) (Letter, error) {
	var values [len(ourHeaders)]string
	var at [len(ourHeaders)]int
	for i, name := range ourHeaders {
		at[i] = lastHeader(r.Headers, name)
		if at[i] < 0 {
			return Letter{}, fmt.Errorf("record at offset %d of %s/%d is no dead letter: it has no header %s", r.Offset, r.Topic, r.Partition, name)
		}
		values[i] = string(r.Headers[at[i]].Value)
	}
	malformed := func(name string, err error) error {
		return fmt.Errorf("record at offset %d of %s/%d is no dead letter: header %s: %w", r.Offset, r.Topic, r.Partition, name, err)
	}
	l := Letter{Stage: values[0], Reason: values[1], Detail: values[2]}
	l.Original = schema.Record{Topic: values[3], Key: r.Key, Value: r.Value}
	partition, err := strconv.ParseInt(values[4], 10, 32)
	if err != nil {
		return Letter{}, malformed(HeaderPartition, err)
	}
	l.Original.Partition = int32(partition)
	if l.Original.Offset, err = strconv.ParseInt(values[5], 10, 64); err != nil {
		return Letter{}, malformed(HeaderOffset, err)
	}
	if l.Original.Time, err = parseTime(values[6]); err != nil {
		return Letter{}, malformed(HeaderTimestamp, err)
	}
	if l.At, err = parseTime(values[7]); err != nil {
		return Letter{}, malformed(HeaderAt, err)
	}
	for i, h := range r.Headers {
		if !slices.Contains(at[:], i) {
			l.Original.Headers = append(l.Original.Headers, schema.Header{Key: h.Key, Value: h.Value})
		}
	}
	return l, nil
}

// Replay returns the original as a record to be produced to its topic again, with its own timestamp. Partition is the original's,
// which matters only to a client that partitions by hand: one that partitions by key finds it anew.
func (l *Letter) Replay() *kgo.Record {
	r := &kgo.Record{Topic: l.Original.Topic, Partition: l.Original.Partition, Key: l.Original.Key, Value: l.Original.Value,
		Timestamp: l.Original.Time}
	for _, h := range l.Original.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func lastHeader(headers []kgo.RecordHeader, name string) int {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == name {
			return i
		}
	}
	return -1
}

// cut shortens a detail to maxDetail bytes of valid UTF-8.
func cut(detail string) string {
	detail = strings.ToValidUTF8(detail, "\uFFFD")
	if len(detail) <= maxDetail {
		return detail
	}
	const ellipsis = "…"
	end := maxDetail - len(ellipsis)
	for !utf8.RuneStart(detail[end]) {
		end--
	}
	return detail[:end] + ellipsis
}

// millisPrefix marks a time that RFC 3339 can't say, because its clock lied beyond the years 0 to 9999: milliseconds since 1970
// follow, as Kafka itself counts.
const millisPrefix = "@"

func formatTime(t time.Time) string {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return millisPrefix + strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.Format(time.RFC3339Nano)
}

func parseTime(s string) (time.Time, error) {
	if millis, ok := strings.CutPrefix(s, millisPrefix); ok {
		n, err := strconv.ParseInt(millis, 10, 64)
		return time.UnixMilli(n).UTC(), err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err
}
