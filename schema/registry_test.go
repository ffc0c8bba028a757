package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRegistry(t *testing.T) {
	var asked atomic.Int64
	gate := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch req.URL.Path {
		case "/schemas/ids/7":
			<-gate
			fmt.Fprint(w, `{"schema":"\"string\""}`)
		case "/schemas/ids/8":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `<html>starting</html>`)
		case "/schemas/ids/9":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<html>no such page</html>`)
		case "/schemas/ids/10":
			fmt.Fprint(w, `{"schema":"{}","schemaType":"JSON"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		}
	}))
	defer server.Close()
	r, err := NewRegistry(server.URL)
	if err != nil {
		t.Fatal(err)
	}

	// A caller that gives up does not take the others' answer with it.
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := r.SchemaByID(ctx, 7)
		gone <- err
	}()
	for asked.Load() == 0 {
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if s, err := r.SchemaByID(t.Context(), 7); err != nil || s != `"string"` {
				t.Errorf("schema 7: %q, %v", s, err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the registry was asked %d times for one schema, want 1", n)
	}

	for _, x := range []struct {
		id     int
		reason string // "": unavailable
	}{{8, ""}, {9, ""}, {10, ReasonBadSchema}, {11, ReasonUnknownSchemaID}} {
		_, err := r.SchemaByID(t.Context(), x.id)
		var e *DecodeError
		if got := errors.As(err, &e); x.reason == "" && (got || !errors.Is(err, ErrRegistryUnavailable)) || x.reason != "" && (!got || e.Reason != x.reason) {
			t.Errorf("schema %d: %v, want %q", x.id, err, x.reason)
		}
	}
	server.Close()
	if _, err := r.SchemaByID(t.Context(), 12); !errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("no server: %v, want ErrRegistryUnavailable", err)
	}
	if s, err := r.SchemaByID(t.Context(), 7); err != nil || s != `"string"` {
		t.Errorf("no server, a schema known before: %q, %v", s, err)
	}
}
