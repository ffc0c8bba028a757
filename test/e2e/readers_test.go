package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// reader is one Dossier that answers questions over one store, for whom it is asked.
type reader struct {
	store    string // for people
	group    string // the consumer group of its sink
	address  string // of its HTTP interface
	readers  caller // reads what the tests' world shows
	auditors caller // reads the scope catalog alone
	refresh  func(t *testing.T)
	took     map[string][]time.Duration // by the kind of question; belongs to the test's goroutine
}

// caller shows who asks.
type caller struct{ name, authorization string }

func (c caller) header(r *http.Request) {
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
}

// mirrored configures a Dossier that stores the same audit topic in another store, in a consumer group of its own.
func (d *deployment) mirrored(t *testing.T, name string, store searchStore, file string) *deployment {
	t.Helper()
	m := *d
	m.mirror, m.Store, m.SQLite, m.config = "-"+name, store, file, ""
	m.configure(t)
	m.run(t, "setup")
	return &m
}

// readers starts whatever answers questions over the same audit topic, each over its own store.
func (d *deployment) readers(t *testing.T) []*reader {
	t.Helper()
	d.run(t, "setup") // another deployment's setup has taken this one's roles for forgotten ones
	elastic := d.reader(t, "Elasticsearch", "serve")
	d.addUsers(t, elastic, func(role, password string) (path string, user any) {
		return "/_security/user/" + d.Role(role), map[string]any{"password": password, "roles": []string{"dossier-read-" + d.Role(role)}}
	})
	file := d.mirrored(t, "sqlite", searchStore{}, filepath.Join(t.TempDir(), "dossier.db"))
	sqlite := file.reader(t, "SQLite", "sink,serve")
	sqlite.readers, sqlite.auditors = caller{d.Role("reader"), "Bearer " + d.Token("reader")}, caller{d.Role("auditor"), "Bearer " + d.Token("auditor")}
	sqlite.refresh = func(*testing.T) {}
	all, deployments := []*reader{sqlite, elastic}, []*deployment{d, file}
	if d.openSearch.URL == "" {
		t.Log("no OpenSearch: the stack has none")
	} else {
		m := d.mirrored(t, "opensearch", d.openSearch, "")
		r := m.reader(t, "OpenSearch", "sink,serve")
		m.addUsers(t, r, func(role, password string) (path string, user any) {
			return "/_plugins/_security/api/internalusers/" + d.Role(role), map[string]any{"password": password, "opendistro_security_roles": []string{"dossier-read-" + d.Role(role)}}
		})
		all, deployments = append(all, r), append(deployments, m)
	}
	for _, m := range deployments {
		m.caughtUp(t, m.SinkGroup(), m.SinkGroup()+".transactions")
	}
	for _, r := range all {
		r.refresh(t)
	}
	return all
}

// reader starts roles that answer questions.
func (d *deployment) reader(t *testing.T, store, roles string) *reader {
	t.Helper()
	return &reader{store: store, group: d.SinkGroup(), address: d.start(t, roles).address(t), took: map[string][]time.Duration{}}
}

// addUsers makes the store's users who have the roles that setup has made.
func (d *deployment) addUsers(t *testing.T, r *reader, user func(role, password string) (path string, body any)) {
	t.Helper()
	const password = "Reader-password-1!"
	for role, who := range map[string]*caller{"reader": &r.readers, "auditor": &r.auditors} {
		path, body := user(role, password)
		check(t, d.Store.ask(t.Context(), http.MethodPut, path, body, nil))
		request, err := http.NewRequest(http.MethodGet, r.address, nil)
		check(t, err)
		request.SetBasicAuth(d.Role(role), password)
		who.name, who.authorization = d.Role(role), request.Header.Get("Authorization")
	}
	r.refresh = func(t *testing.T) {
		t.Helper()
		check(t, d.Store.ask(t.Context(), http.MethodPost, "/dossier-*/_refresh", nil, nil))
	}
}

// address is where the process listens, as its log says.
func (p *process) address(t *testing.T) string {
	t.Helper()
	var found string
	until(t, "the process to listen", func() (bool, int, error) {
		p.running(t)
		text, err := os.ReadFile(p.log.Name())
		for line := range strings.Lines(string(text)) {
			var entry struct{ Message, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "listening" {
				found = "http://" + entry.Address
			}
		}
		return found != "", 0, err
	})
	return found
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks one question. kind is what its time counts for; "" for none.
func (r *reader) get(ctx context.Context, who caller, kind, path string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+"/api/v1"+path, nil)
	if err != nil {
		return answer{}, err
	}
	began := time.Now()
	a, err := send(who, request)
	if kind != "" && err == nil {
		r.took[kind] = append(r.took[kind], time.Since(began))
	}
	return a, err
}

// post sends a body.
func (r *reader) post(ctx context.Context, who caller, path string, body any) (answer, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.address+"/api/v1"+path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	return send(who, request)
}

func send(who caller, request *http.Request) (answer, error) {
	who.header(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}

// medians lists how long the questions of each kind took.
func (r *reader) medians() string {
	var kinds []string
	for kind := range r.took {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	var b strings.Builder
	for _, kind := range kinds {
		took := slices.Sorted(slices.Values(r.took[kind]))
		fmt.Fprintf(&b, "\n  %-22s %5d questions, median %6.1f ms, 95 of 100 within %6.1f ms", kind, len(took), milliseconds(took[len(took)/2]), milliseconds(took[len(took)*95/100]))
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// path makes a path of its parts, and a query of names and values.
func path(parts []string, query ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	if len(values) > 0 {
		b.WriteString("?" + values.Encode())
	}
	return b.String()
}

// entityPath is the path of an entity, given as type/id, and of what is asked about it.
func entityPath(entity, about string, query ...string) string {
	typ, id := typeAndID(entity)
	parts := []string{"entities", typ, id}
	if about != "" {
		parts = append(parts, about)
	}
	return path(parts, query...)
}
