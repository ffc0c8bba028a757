package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// answer is what a call gives.
type answer struct {
	status   int // 0: 200
	body     any
	items    int    // how many things of the store it shows, for the access event
	location string // of what was made
}

// answerRead answers a question: as JSON, with an ETag, compressed where the client takes it.
func (a *API) answerRead(w http.ResponseWriter, c *call, rt route) error {
	result, err := rt.read(a, c)
	if err != nil {
		return a.recordRefusal(c, err)
	}
	body, err := encode(result.body)
	if err != nil {
		return internal(err)
	}
	tag, err := tagOf(c.parameters, result.body, body)
	if err != nil {
		return internal(err)
	}
	status := http.StatusOK
	if matches(c.Header.Get("If-None-Match"), tag.text) {
		status = http.StatusNotModified
	}
	if err := a.recordRead(c, status, result.items); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache") // keep it, for this caller alone, and ask each time whether it is still so
	h.Add("Vary", "Authorization, Accept-Encoding")
	send(&pacedWriter{ResponseWriter: w, stalled: a.stalled, last: time.Now().Add(writeBound)}, c.Request, status, tag, body)
	return nil
}

// answerWrite answers what made something.
func (a *API) answerWrite(w http.ResponseWriter, c *call, rt route) error {
	if a.ReadOnly {
		return newProblem(kindReadOnly, "this server only answers questions (serve.read_only)")
	}
	if a.Desk == nil {
		return unavailable("this server has no Kafka (kafka.brokers) to publish to, so it takes neither versions nor feedback", noKafkaRetry, nil)
	}
	// Whom the store does not know holds no slot for a body.
	var err error
	if c.sender, err = a.sender(c); err != nil {
		return err
	}
	if c.body, err = a.receive(w, c.Request); err != nil {
		return err
	}
	result, err := rt.write(a, c)
	if err != nil {
		return err
	}
	body, err := encode(result.body)
	if err != nil {
		return internal(err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if result.location != "" {
		h.Set("Location", result.location)
	}
	w.WriteHeader(result.status)
	_, _ = w.Write(body) // a client that has gone away is no fault of ours
	return nil
}

// encode writes an answer as JSON. Values of rows are spliced in as they are kept.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return b.Bytes(), nil
}

// entityTag is an ETag, without its quotes.
type entityTag struct {
	text string
	weak bool // answers with other bytes have it too
}

// tagOf names an answer, given as it is and as JSON.
func tagOf(p parameters, answer any, body []byte) (entityTag, error) {
	same, momentary := lasting(p, answer)
	if !momentary {
		return etag(body), nil
	}
	named, err := encode(same)
	tag := etag(named)
	tag.weak = true
	return tag, err
}

// etag names the bytes of an answer. Half of SHA-256 is plenty.
func etag(body []byte) entityTag {
	sum := sha256.Sum256(body)
	return entityTag{text: base64.RawURLEncoding.EncodeToString(sum[:16])}
}

// header is the tag as ETag has it: compressed bytes are other bytes, unless it makes no difference which.
func (t entityTag) header(compressed bool) string {
	switch {
	case t.weak:
		return `W/"` + t.text + `"`
	case compressed:
		return `"` + t.text + gzipSuffix + `"`
	}
	return `"` + t.text + `"`
}

// gzipSuffix ends the ETag of a compressed answer: other bytes, and so another tag.
const gzipSuffix = "-gzip"

// matches says whether If-None-Match names the tag, in either encoding. W/ makes no difference in this comparison (RFC 9110, 13.1.2).
func matches(ifNoneMatch, tag string) bool {
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == `"`+tag+`"` || candidate == `"`+tag+gzipSuffix+`"` {
			return true
		}
	}
	return false
}

// minGzip is from how many bytes on compression pays.
const minGzip = 1 << 10

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // of a level that does not exist
	}
	return w
}}

func send(w http.ResponseWriter, r *http.Request, status int, tag entityTag, body []byte) {
	h := w.Header()
	compressed := len(body) >= minGzip && takesGzip(r.Header.Get("Accept-Encoding"))
	h.Set("ETag", tag.header(compressed))
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/json")
	if !compressed {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(body) // a client that has gone away is no fault of ours
		}
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	if _, err := z.Write(body); err == nil {
		_ = z.Close() // as above
	}
}

// takesGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip by its name or by *, unless its weight is 0. The name wins over *.
func takesGzip(header string) bool {
	anything := false
	for part := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		takes := true
		if name, weight, given := strings.Cut(strings.TrimSpace(parameters), "="); given && strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			takes = err == nil && q > 0
		}
		if coding != "*" {
			return takes
		}
		anything = takes
	}
	return anything
}
