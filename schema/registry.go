package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

// Registry finds Avro schemas in a Confluent-compatible schema registry. A schema never changes under its id, so what was
// found is kept, up to maxRegistrySchemas; several callers who want the same schema ask once. It is safe for concurrent use.
type Registry struct {
	client *sr.Client
	flight singleflight.Group
	mu     sync.Mutex
	byID   map[int]string // owned by mu
}

const (
	maxRegistrySchemas = 4096
	// errorCodeSchemaNotFound is how a registry says that it has no such schema; a bare 404 may come from a proxy.
	errorCodeSchemaNotFound = 40403
)

// NewRegistry returns a client of the registry at url, such as http://127.0.0.1:8081 or, with Apicurio, …/apis/ccompat/v7. Options such as
// sr.BasicAuth and sr.DialTLSConfig are franz-go's. It does not connect yet.
func NewRegistry(url string, options ...sr.ClientOpt) (*Registry, error) {
	if url == "" {
		return nil, errors.New("schema registry: no url given")
	}
	client, err := sr.NewClient(append([]sr.ClientOpt{sr.URLs(url), sr.UserAgent("dossier")}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("schema registry %s: %w", url, err)
	}
	return &Registry{client: client, byID: make(map[int]string)}, nil
}

// SchemaByID returns the Avro schema with that id. Errors are those of SchemaSource, and the context's own when it ends first.
func (r *Registry) SchemaByID(ctx context.Context, id int) (string, error) {
	if text, ok := r.known(id); ok {
		return text, nil
	}
	// The request goes on when its first caller gives up: others may wait for it. The client's own timeout bounds it.
	result := r.flight.DoChan(fmt.Sprint(id), func() (any, error) {
		if text, ok := r.known(id); ok { // another's answer came between the look above and this
			return text, nil
		}
		return r.fetch(context.WithoutCancel(ctx), id)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("schema %d from the registry: %w", id, ctx.Err())
	case res := <-result:
		if res.Err != nil {
			return "", res.Err
		}
		return res.Val.(string), nil
	}
}

// known returns a schema that the registry gave before.
func (r *Registry) known(id int) (text string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok = r.byID[id]
	return text, ok
}

func (r *Registry) fetch(ctx context.Context, id int) (string, error) {
	s, err := r.client.SchemaByID(ctx, id)
	if err != nil {
		var answer *sr.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.ErrorCode == errorCodeSchemaNotFound {
			return "", &DecodeError{Reason: ReasonUnknownSchemaID, Detail: fmt.Sprintf("the schema registry has no schema %d", id)}
		}
		// Whatever else it is (no connection, a refusal, an answer that is none), it is not the record's fault.
		return "", fmt.Errorf("%w: schema %d: %w", ErrRegistryUnavailable, id, err)
	}
	switch {
	case s.Type != sr.TypeAvro:
		return "", &DecodeError{Reason: ReasonBadSchema, Detail: fmt.Sprintf("schema %d is of type %s, expected AVRO", id, s.Type)}
	case len(s.References) > 0:
		return "", &DecodeError{Reason: ReasonBadSchema, Detail: fmt.Sprintf("schema %d refers to other schemas; Debezium's are whole", id)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byID) >= maxRegistrySchemas {
		// Rare enough that forgetting any half will do.
		for old := range r.byID {
			delete(r.byID, old)
			if len(r.byID) <= maxRegistrySchemas/2 {
				break
			}
		}
	}
	r.byID[id] = s.Schema
	return s.Schema, nil
}
