package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"dossier/sink"
)

// guard sees to it that nothing is written to an index without Dossier's mapping. Elasticsearch makes an index for whatever is written
// to it, and guesses a mapping where no template applies; the documents would then be in nobody's alias and found by no query.
type guard struct {
	mu   sync.Mutex
	seen map[string]bool // indices known to be right
}

type request func(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error)

// check looks at each index once. One that is yet to be made is all right if its scope has been set up.
func (g *guard) check(ctx context.Context, do request, items []item) error {
	last := ""
	for i := range items {
		index := items[i].ref.Index
		if index == last {
			continue
		}
		last = index
		g.mu.Lock()
		known := g.seen[index]
		g.mu.Unlock()
		if known {
			continue
		}
		exists, err := checkIndex(ctx, do, index)
		if err != nil {
			return err
		}
		if exists {
			g.mu.Lock()
			g.seen[index] = true
			g.mu.Unlock()
		}
	}
	return nil
}

func checkIndex(ctx context.Context, do request, index string) (exists bool, err error) {
	names, err := mappedIndices(ctx, do, index)
	var api *apiError
	switch {
	case err == nil && names[index]:
		return true, nil
	case err == nil:
		return true, &sink.SetupError{Where: index, Detail: "the index exists without Dossier's mapping, so its template was missing when it was made; " +
			"delete or rename the index"}
	case !errors.As(err, &api) || api.Status != 404:
		return false, err
	}
	family := index[:strings.LastIndexByte(index, '-')+1] + "*"
	names, err = mappedIndices(ctx, do, family)
	if err != nil && (!errors.As(err, &api) || api.Status != 404) {
		return false, err
	}
	if len(names) == 0 {
		return false, &sink.SetupError{Where: family, Detail: "this scope has not been set up", Pending: true}
	}
	return false, nil
}

// mappedIndices returns the names of the indices that have Dossier's mapping.
func mappedIndices(ctx context.Context, do request, pattern string) (map[string]bool, error) {
	answer, err := do(ctx, "GET", "/"+pattern+"/_mapping?filter_path=*.mappings._meta", "", nil)
	if err != nil {
		return nil, err
	}
	var body map[string]struct {
		Mappings struct {
			Meta struct {
				Dossier *struct{} `json:"dossier"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	if err := json.Unmarshal(answer, &body); err != nil {
		return nil, fmt.Errorf("unreadable mapping of %s: %w", pattern, err)
	}
	names := map[string]bool{}
	for name, index := range body {
		if index.Mappings.Meta.Dossier != nil {
			names[name] = true
		}
	}
	return names, nil
}
