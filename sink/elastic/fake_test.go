package elastic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossier/sink"
	"dossier/sink/elastic"
)

// november is the commit time of these tests' events.
var november = time.Date(2026, 11, 23, 2, 43, 54, 0, time.UTC)

// fake is an HTTP server that answers what Writer asks, as Elasticsearch does, and fails on demand. All indices are set up.
type fake struct {
	t   *testing.T
	url string

	mu   sync.Mutex
	docs map[string]fakeDoc // by index and id
	seq  int64
	// item, where set, is asked for each item of a bulk request before it is applied; an error is its answer.
	item func(action, index, id string, doc []byte) *itemError
	// request, where set, is asked for each request, by its number from 0.
	request func(n int, r *http.Request, body []byte) failure

	slow time.Duration // before each bulk request is answered

	requests       atomic.Int64
	underway, most atomic.Int64 // bulk requests at the same time
	largest        atomic.Int64 // body of a bulk request with several items
	attempts       map[string]int
}

type fakeDoc struct {
	source []byte
	seq    int64
}

type itemError struct {
	status       int
	kind, reason string
}

// failure is how a request goes wrong.
type failure struct {
	status  int    // answered instead; 0: none
	body    string // with status
	after   bool   // after the request has taken effect
	cut     bool   // the connection breaks without an answer
	garbled bool   // the answer breaks off in its middle
	hang    time.Duration
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, docs: map[string]fakeDoc{}, attempts: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) writer(t *testing.T, config elastic.Config, observer sink.Observer) *elastic.Writer {
	t.Helper()
	config.Addresses = []string{f.url}
	if config.BackoffMin == 0 {
		config.BackoffMin, config.BackoffMax = time.Millisecond, 4*time.Millisecond
	}
	client, err := elastic.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return elastic.NewWriter(client, config, observer)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	var fail failure
	if f.request != nil {
		fail = f.request(int(f.requests.Add(1)-1), r, body)
	}
	if fail != (failure{}) && !fail.after {
		f.fail(w, fail, nil)
		return
	}
	var answer []byte
	switch {
	case r.URL.Path == "/_bulk":
		n := f.underway.Add(1)
		for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
		}
		time.Sleep(f.slow)
		answer = f.bulk(body)
		f.underway.Add(-1)
	case r.URL.Path == "/_mget":
		answer = f.multiGet(body)
	case strings.HasSuffix(r.URL.Path, "/_mapping"):
		index := strings.Split(r.URL.Path, "/")[1]
		answer = fmt.Appendf(nil, `{%q:{"mappings":{"_meta":{"dossier":{"mapping":1}}}}}`, index)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if fail != (failure{}) {
		f.fail(w, fail, answer)
		return
	}
	w.Write(answer)
}

func (f *fake) fail(w http.ResponseWriter, fail failure, answer []byte) {
	time.Sleep(fail.hang)
	switch {
	case fail.status != 0:
		w.WriteHeader(fail.status)
		io.WriteString(w, fail.body)
	case fail.garbled:
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)+10))
		w.Write(answer[:len(answer)/2])
	case fail.cut || fail.hang == 0:
		panic(http.ErrAbortHandler)
	}
}

func (f *fake) bulk(body []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	if len(lines) > 2 {
		f.largest.Store(max(f.largest.Load(), int64(len(body))))
	}
	var items []string
	failed := false
	for i := 0; i+1 < len(lines); i += 2 {
		var action map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
			SeqNo *int64 `json:"if_seq_no"`
		}
		if err := json.Unmarshal(lines[i], &action); err != nil || !json.Valid(lines[i+1]) {
			f.t.Errorf("a damaged bulk request: %.300s\n%.300s", lines[i], lines[i+1])
			return []byte(`{}`)
		}
		for name, meta := range action {
			key := meta.Index + "/" + meta.ID
			f.attempts[key]++
			old, found := f.docs[key]
			var e *itemError
			if f.item != nil {
				e = f.item(name, meta.Index, meta.ID, lines[i+1])
			}
			switch {
			case e != nil:
			case name == "create" && found:
				e = &itemError{409, "version_conflict_engine_exception", "document already exists"}
			case name == "index" && (!found || meta.SeqNo == nil || *meta.SeqNo != old.seq):
				e = &itemError{409, "version_conflict_engine_exception", "required seqNo"}
			default:
				f.seq++
				f.docs[key] = fakeDoc{bytes.Clone(lines[i+1]), f.seq}
			}
			if e != nil {
				failed = true
				items = append(items, fmt.Sprintf(`{%q:{"status":%d,"error":{"type":%q,"reason":%q}}}`, name, e.status, e.kind, e.reason))
			} else {
				items = append(items, fmt.Sprintf(`{%q:{"status":201}}`, name))
			}
		}
	}
	return fmt.Appendf(nil, `{"errors":%v,"items":[%s]}`, failed, strings.Join(items, ","))
}

func (f *fake) multiGet(body []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var question struct {
		Docs []struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
	}
	if err := json.Unmarshal(body, &question); err != nil {
		panic(err)
	}
	var docs []string
	for _, q := range question.Docs {
		d, found := f.docs[q.Index+"/"+q.ID]
		if !found {
			docs = append(docs, fmt.Sprintf(`{"_index":%q,"_id":%q,"found":false}`, q.Index, q.ID))
			continue
		}
		docs = append(docs, fmt.Sprintf(`{"_index":%q,"_id":%q,"found":true,"_seq_no":%d,"_primary_term":1,"_source":%s}`, q.Index, q.ID, d.seq, d.source))
	}
	return fmt.Appendf(nil, `{"docs":[%s]}`, strings.Join(docs, ","))
}

// contents returns what is stored, without when.
func (f *fake) contents() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]string{}
	for key, d := range f.docs {
		all[key] = ingested.ReplaceAllString(string(d.source), "")
	}
	return all
}
