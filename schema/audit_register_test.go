package schema

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

// fakeRegistry is the part of a schema registry that RegisterAudit talks to, with one subject.
type fakeRegistry struct {
	mu      sync.Mutex
	level   string   // the subject's own compatibility level; "" none
	schemas []string // the subject's versions; the id is 100 and the index
	calls   []string
	// fail answers a call, such as "POST versions", with a status and body.
	fail map[string]failure
}

type failure struct {
	status int
	body   string
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body struct {
		Schema        string `json:"schema"`
		Compatibility string `json:"compatibility"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	call := r.Method + " " + map[bool]string{true: "config", false: "versions"}[strings.HasPrefix(r.URL.Path, "/config/")]
	if strings.HasPrefix(r.URL.Path, "/compatibility/") {
		call = "POST check"
	}
	f.calls = append(f.calls, call)
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if failed, ok := f.fail[call]; ok {
		w.WriteHeader(failed.status)
		_, _ = w.Write([]byte(failed.body))
		return
	}
	switch call {
	case "GET config":
		if f.level == "" {
			answer(404, map[string]any{"error_code": 40408, "message": "no subject-level compatibility"})
			return
		}
		answer(200, map[string]any{"compatibilityLevel": f.level})
	case "PUT config":
		f.level = body.Compatibility
		answer(200, map[string]any{"compatibility": f.level})
	case "POST check":
		if len(f.schemas) == 0 {
			answer(404, map[string]any{"error_code": 40402, "message": "no version"})
			return
		}
		if err := checkAuditEvolution(f.schemas[len(f.schemas)-1], body.Schema); err != nil {
			answer(200, map[string]any{"is_compatible": false, "messages": []string{err.Error()}})
			return
		}
		answer(200, map[string]any{"is_compatible": true})
	case "POST versions":
		for i, s := range f.schemas {
			if s == body.Schema {
				answer(200, map[string]any{"id": 100 + i})
				return
			}
		}
		f.schemas = append(f.schemas, body.Schema)
		answer(200, map[string]any{"id": 100 + len(f.schemas) - 1})
	default:
		answer(404, map[string]any{"error_code": 404, "message": "not part of this fake: " + call})
	}
}

func registryClient(t *testing.T, f *fakeRegistry) *sr.Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestRegisterAudit(t *testing.T) {
	f := &fakeRegistry{}
	client := registryClient(t, f)
	for range 2 { // it can be repeated
		id, err := RegisterAudit(t.Context(), client, "dossier.audit-value")
		if err != nil {
			t.Fatal(err)
		}
		if id != 100 {
			t.Errorf("id %d", id)
		}
	}
	if f.level != "BACKWARD" || len(f.schemas) != 1 || f.schemas[0] != AuditAvroSchema {
		t.Errorf("level %s and %d schemas", f.level, len(f.schemas))
	}
}

func TestRegisterAuditKeepsAStricterLevel(t *testing.T) {
	for _, level := range []string{"BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"} {
		f := &fakeRegistry{level: level}
		if _, err := RegisterAudit(t.Context(), registryClient(t, f), "s"); err != nil || f.level != level {
			t.Errorf("level %s became %s, error %v", level, f.level, err)
		}
	}
}

func TestRegisterAuditRefusesALaxLevel(t *testing.T) {
	for _, level := range []string{"NONE", "FORWARD", "FORWARD_TRANSITIVE"} {
		f := &fakeRegistry{level: level}
		_, err := RegisterAudit(t.Context(), registryClient(t, f), "audit-value")
		if err == nil || !strings.Contains(err.Error(), "audit-value") || !strings.Contains(err.Error(), level) || !strings.Contains(err.Error(), "BACKWARD") {
			t.Errorf("level %s: error %v", level, err)
		}
		if len(f.schemas) != 0 {
			t.Error("registered all the same")
		}
	}
}

func TestRegisterAuditRefusesAnIncompatibleSchema(t *testing.T) {
	f := &fakeRegistry{level: "BACKWARD", schemas: []string{strings.Replace(AuditAvroSchema, `"name": "scope"`, `"name": "area"`, 1)}}
	_, err := RegisterAudit(t.Context(), registryClient(t, f), "audit-value")
	if err == nil || errors.Is(err, ErrRegistryUnavailable) || !strings.Contains(err.Error(), "incompatible") || !strings.Contains(err.Error(), "area") {
		t.Errorf("error %v", err)
	}
	if len(f.schemas) != 1 {
		t.Error("registered all the same")
	}
}

func TestRegisterAuditTellsDownFromRefused(t *testing.T) {
	for _, call := range []string{"GET config", "PUT config", "POST check", "POST versions"} {
		for name, c := range map[string]struct {
			failure
			down bool
		}{
			"internal error": {failure{500, `{"error_code":50001,"message":"store"}`}, true},
			"gateway":        {failure{502, `<html>bad gateway</html>`}, true},
			"overloaded":     {failure{429, `{}`}, true},
			"forbidden":      {failure{403, `{"error_code":403,"message":"no"}`}, false},
			"unprocessable":  {failure{422, `{"error_code":42201,"message":"invalid schema"}`}, false},
		} {
			f := &fakeRegistry{fail: map[string]failure{call: c.failure}}
			_, err := RegisterAudit(t.Context(), registryClient(t, f), "audit-value")
			if err == nil || errors.Is(err, ErrRegistryUnavailable) != c.down || !strings.Contains(err.Error(), "audit-value") {
				t.Errorf("%s, %s: error %v", call, name, err)
			}
		}
	}
	server := httptest.NewServer(nil)
	server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := RegisterAudit(t.Context(), client, "audit-value"); !errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("nobody there: error %v", err)
	}
}
