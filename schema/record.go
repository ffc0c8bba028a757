package schema

import "time"

// Record is a Kafka record as it was read: the decoders' input, and what a dead letter preserves.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time // the record's own timestamp
	Key       []byte    // nil is a null key, which differs from an empty one
	Value     []byte    // nil is a tombstone
	Headers   []Header
}

// Header is one record header.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header with that key, and whether there is one.
func (r *Record) Header(key string) ([]byte, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}
