package demo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Record is one record of the corpus: what a topic held.
type Record struct {
	Topic     string
	Partition int32
	Time      time.Time // the record's own, to the millisecond
	Key       []byte    // nil: none
	Value     []byte    // nil: a tombstone
	Headers   []Header
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// corpusFile is a year of a population registry; corpus/README.md says how it came about.
//
//go:embed corpus/records.jsonl.gz
var corpusFile []byte

// Corpus returns the recorded records. Those of one partition stand in their order.
func Corpus() ([]Record, error) {
	records, err := readCorpus(bytes.NewReader(corpusFile))
	if err != nil {
		return nil, fmt.Errorf("the demo's corpus: %w", err)
	}
	return records, nil
}

// line is a record in the file. All keys and values of the corpus are text.
type line struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Time      int64        `json:"time"` // Unix milliseconds
	Key       *string      `json:"key,omitempty"`
	Value     *string      `json:"value,omitempty"`
	Headers   []headerLine `json:"headers,omitempty"`
}

type headerLine struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func readCorpus(r io.Reader) ([]Record, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	var records []Record
	decoder := json.NewDecoder(bufio.NewReader(unzipped))
	for {
		var l line
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return records, nil
		} else if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(records)+1, err)
		}
		record := Record{Topic: l.Topic, Partition: l.Partition, Time: time.UnixMilli(l.Time).UTC(), Key: bytesOf(l.Key), Value: bytesOf(l.Value)}
		for _, h := range l.Headers {
			record.Headers = append(record.Headers, Header{h.Key, []byte(h.Value)})
		}
		records = append(records, record)
	}
}

// WriteCorpus writes records as [Corpus] reads them.
func WriteCorpus(w io.Writer, records []Record) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(zipped)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		l := line{Topic: r.Topic, Partition: r.Partition, Time: r.Time.UnixMilli(), Key: textOf(r.Key), Value: textOf(r.Value)}
		for _, h := range r.Headers {
			l.Headers = append(l.Headers, headerLine{h.Key, string(h.Value)})
		}
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return zipped.Close()
}

func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}

// Merge returns the records of both lists by time. Each list has to be in that order.
func Merge(a, b []Record) []Record {
	merged := append(slices.Clone(a), b...)
	slices.SortStableFunc(merged, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return merged
}
