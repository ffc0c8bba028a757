package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// recorder answers a sink as Elasticsearch does that stores every document, and writes the bulk requests to a file: the documents that a sink sends, byte for byte.
type recorder struct {
	mu        sync.Mutex
	file      *os.File
	out       *bufio.Writer
	documents int
	err       error // the first
}

func newRecorder(path string) (*recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &recorder{file: file, out: bufio.NewWriterSize(file, 1<<20)}, nil
}

// end returns the number of documents.
func (r *recorder) end() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range []error{r.err, r.out.Flush(), r.file.Close()} {
		if err != nil {
			return 0, fmt.Errorf("writing the prepared documents: %w", err)
		}
	}
	return r.documents, nil
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if index, _, ok := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/_mapping"); ok {
		fmt.Fprintf(w, `{%q:{"mappings":{"_meta":{"dossier":{"mapping":"1"}}}}}`, index)
		return
	}
	if request.URL.Path != "/_bulk" {
		http.Error(w, `{"error":{"reason":"nothing but bulk requests"}}`, http.StatusBadRequest)
		return
	}
	n := bytes.Count(body, []byte{'\n'}) / 2
	r.mu.Lock()
	r.documents += n
	if _, err := r.out.Write(body); err != nil && r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	items := strings.Repeat(`,{"create":{"status":201}}`, n)
	fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, items[min(1, len(items)):])
}
