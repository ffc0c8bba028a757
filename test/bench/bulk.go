package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The bulk requests of the loader: enough in flight to keep a small store busy. Both can be set, to look for the fastest.
const (
	loaderInFlight  = 4
	loaderDocuments = 2_000
	loaderPause     = 50 * time.Millisecond // before a request that was refused is sent again
)

// runBulk sends prepared documents to the store: it reads no topic, renders nothing, and looks at no byte but the ends of lines. The file is read, and cut into requests,
// before the clock starts.
func runBulk(ctx context.Context, t storeTask, w *watch) error {
	text, err := os.ReadFile(t.File)
	if err != nil {
		return err
	}
	inFlight, documents := t.InFlight, t.BulkDocuments
	if inFlight == 0 {
		inFlight = loaderInFlight
	}
	if documents == 0 {
		documents = loaderDocuments
	}
	requests := cutRequests(text, documents)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = inFlight
	store := &searchStore{url: t.URL, user: t.User, password: t.Password, client: &http.Client{Transport: transport}}
	var refused atomic.Int64
	w.first = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for _, r := range requests {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			for {
				began := time.Now()
				busy, err := store.bulk(ctx, r)
				if err != nil {
					return err
				}
				if !busy {
					w.requested(time.Since(began))
					return nil
				}
				refused.Add(1)
				time.Sleep(loaderPause)
			}
		})
	}
	err = group.Wait()
	w.stored()
	w.tell("refused_requests", float64(refused.Load()))
	return err
}

// bulkRequest is the text of one bulk request.
type bulkRequest struct {
	text      []byte
	documents int
}

// cutRequests cuts the lines of documents, two each, into requests.
func cutRequests(text []byte, documents int) []bulkRequest {
	var list []bulkRequest
	for len(text) > 0 {
		end, n := 0, 0
		for n < documents && end < len(text) {
			for range 2 {
				i := bytes.IndexByte(text[end:], '\n')
				if i < 0 {
					i = len(text) - end - 1
				}
				end += i + 1
			}
			n++
		}
		list = append(list, bulkRequest{text[:end], n})
		text = text[end:]
	}
	return list
}

// bulk sends one request, and says whether the store was too busy to take it. Whatever else is not stored is an error: no figure of such a run counts.
func (s *searchStore) bulk(ctx context.Context, r bulkRequest) (busy bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/_bulk?filter_path=errors,items.*.status", bytes.NewReader(r.text))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.SetBasicAuth(s.user, s.password)
	response, err := s.http().Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return false, err
	}
	if response.StatusCode == http.StatusTooManyRequests {
		return true, nil
	}
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("bulk request: %s: %.500s", response.Status, answer)
	}
	if n := bytes.Count(answer, []byte(`"status":201`)); n != r.documents || !bytes.HasPrefix(answer, []byte(`{"errors":false`)) {
		return false, fmt.Errorf("bulk request: %d of %d documents stored: %.500s", n, r.documents, answer)
	}
	return false, nil
}
