package web

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/goccy/go-yaml"
)

// openAPISource describes the API (OpenAPI 3.1). People write YAML; programs get the JSON that it stands for.
//
//go:embed openapi.yaml
var openAPISource []byte

// openAPIDocument is the description as JSON.
var openAPIDocument = sync.OnceValues(func() ([]byte, error) {
	document, err := yaml.YAMLToJSON(openAPISource)
	if err != nil {
		return nil, fmt.Errorf("reading the API's description: %w", err)
	}
	var b bytes.Buffer
	err = json.Compact(&b, document)
	return b.Bytes(), err
})

func (a *API) openAPI(w http.ResponseWriter, r *http.Request) {
	if _, err := parseParameters(r, nil); err != nil {
		a.writeProblem(w, r, err)
		return
	}
	document, err := openAPIDocument()
	if err != nil {
		a.writeProblem(w, r, internal(err))
		return
	}
	tag := etag(document)
	status := http.StatusOK
	if matches(r.Header.Get("If-None-Match"), tag.text) {
		status = http.StatusNotModified
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Add("Vary", "Accept-Encoding")
	send(w, r, status, tag, document)
}
