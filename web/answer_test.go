package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

func TestETags(t *testing.T) {
	a := newTestAPI(t, nil)
	first := get(a, "/api/v1/changes")
	tag := first.Header().Get("ETag")
	if !strings.HasPrefix(tag, `"`) || tag != get(a, "/api/v1/changes").Header().Get("ETag") || tag == get(a, "/api/v1/changes?limit=1").Header().Get("ETag") {
		t.Fatalf("ETag %s is no name of the answer", tag)
	}
	if first.Header().Get("Cache-Control") != "private, no-cache" || !strings.Contains(strings.Join(first.Header().Values("Vary"), ","), "Authorization") {
		t.Errorf("who may keep the answer: %v", first.Header())
	}
	compressed := get(a, "/api/v1/changes", "Accept-Encoding", "gzip").Header().Get("ETag")
	if compressed == tag {
		t.Error("other bytes have the same strong ETag")
	}
	for header, want := range map[string]int{
		tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, compressed: 304, `"other"`: 200, "": 200, strings.Trim(tag, `"`): 200,
	} {
		w := get(a, "/api/v1/changes", "If-None-Match", header)
		if w.Code != want || want == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != tag) {
			t.Errorf("If-None-Match: %s: %d with %d bytes and %s, want %d", header, w.Code, w.Body.Len(), w.Header().Get("ETag"), want)
		}
	}
	if w := get(a, "/api/v1/entities/product/unknown", "If-None-Match", "*"); w.Code != 404 {
		t.Errorf("nothing is not modified: %d", w.Code)
	}
}

func TestCompression(t *testing.T) {
	a := newTestAPI(t, nil)
	plain := get(a, "/api/v1/changes").Body.String()
	w := get(a, "/api/v1/changes", "Accept-Encoding", "br, gzip;q=0.5")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= len(plain) {
		t.Fatalf("not compressed: %v", w.Header())
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != plain {
		t.Errorf("the compressed answer is another: %v", err)
	}
	if w := get(a, "/api/v1/changes?q=user:nobody", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "x-gzip": true, "*": true, "br": false, "gzip;q=0": false, "gzip; q=0.0, *": false, "*;q=0": false, "identity, *;q=0.1": true,
		"gzip;q=1.0": true, "gzip;q=x": false, "*;q=0, gzip": true, "br;q=1.0, gzip;q=0.8, *;q=0.1": true,
	} {
		if takesGzip(header) != want {
			t.Errorf("Accept-Encoding: %s: %v", header, !want)
		}
	}
}

// TestValuesComeAsTheyAreKept: digits, order and signs of a row are evidence.
func TestValuesComeAsTheyAreKept(t *testing.T) {
	a := newTestAPI(t, nil)
	w := get(a, "/api/v1/entities/product/1")
	if !strings.Contains(w.Body.String(), `"row":{"id":1,"price":"99.50","note":null}`) {
		t.Error(w.Body)
	}
	if w := get(a, "/api/v1/entities/person/secret"); !strings.Contains(w.Body.String(), `"Erika <Mustermann>"`) {
		t.Errorf("a value is escaped as if it stood in a page: %s", w.Body)
	}
}

func TestPagesGoOn(t *testing.T) {
	a := newTestAPI(t, nil)
	var whole query.Changes
	if err := json.Unmarshal(get(a, "/api/v1/changes?limit=1000").Body.Bytes(), &whole); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for next := ""; ; {
		target := "/api/v1/changes?limit=4"
		if next != "" {
			target += "&cursor=" + next
		}
		var page query.Changes
		w := get(a, target)
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %v %s", w.Code, err, w.Body)
		}
		for _, c := range page.Items {
			ids = append(ids, c.EventID)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(ids) != len(whole.Items) || len(ids) != len(sampleEvents()) {
		t.Errorf("%d changes page by page, %d at once, %d there are", len(ids), len(whole.Items), len(sampleEvents()))
	}
}

// TestETagsOutlastTheMoment: an answer about now, and one with a cursor, hold the moment at which they were asked for; they are the same ones as long as nothing else has changed.
func TestETagsOutlastTheMoment(t *testing.T) {
	clock := now()
	memory := querytest.NewMemory(documents(t, sampleEvents())...)
	a := newTestAPI(t, func(o *Options) {
		o.Access = &TokenAccess{For: scopedStore(memory)}
		o.Now = func() time.Time { clock = clock.Add(time.Millisecond); return clock }
	})
	targets := map[string]bool{ // and whether the change below makes it another one
		"entities/product/1": true, "entities/product/1?as_of=2026-11-23T12:00:00Z": true, "entities/product/1?version=Baseline": true, "entities/product/1/children": false,
		"entities/product/1/history?limit=1": true, "entities/product/1/history": true, "entities/product/1/diff?a=2026-11-23": true, "entities/product/1/diff?a=2026-11-23&b=2026-11-24": true,
		"versions?limit=1": true, "versions/Baseline?limit=1": true, "requests/r-1?limit=1": true, "transactions/shop/728?limit=1": true, "changes?limit=1": true, "counts?by=type": true,
	}
	tags := map[string]string{}
	ask := func(target string) int {
		w := get(a, "/api/v1/"+target, "If-None-Match", tags[target])
		if w.Code == http.StatusOK && (w.Body.Len() == 0 || !strings.HasPrefix(strings.TrimPrefix(w.Header().Get("ETag"), "W/"), `"`)) {
			t.Errorf("%s: %v %s", target, w.Header(), w.Body)
		}
		tags[target] = w.Header().Get("ETag")
		return w.Code
	}
	for _, want := range []int{http.StatusOK, http.StatusNotModified} {
		for target := range targets {
			if got := ask(target); got != want {
				t.Errorf("%s: %d, want %d", target, got, want)
			}
		}
	}
	later := sampleEvents()[1]
	later.ID, later.Time, later.CDC.Position = "later", start.Add(3*time.Hour), "0000000z"
	later.Changes[0].Current.JSON, later.After[1].Value.JSON = []byte(`"100"`), []byte(`"100"`)
	memory.Add(documents(t, []*schema.AuditEvent{later})...)
	for target, changed := range targets {
		if got := ask(target); (got == http.StatusOK) != changed {
			t.Errorf("%s: %d after a change of the product", target, got)
		}
	}
	if tag := tags["entities/product/1"]; !strings.HasPrefix(tag, "W/") {
		t.Errorf("other bytes have the same strong ETag %s", tag)
	}
}
