package elastic_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/sink/sinktest"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

const sinkPassword = "Sink-password-1!"

// cluster is a real store of these tests.
type cluster struct {
	url            string
	user, password string // of the administrator; "" where there is no security
	users          string // the path of users
	userRoles      string // the member of a user that lists their roles
}

func realCluster(t *testing.T) cluster {
	s := stack.ForTest(t, stack.Elasticsearch)
	return cluster{s.ElasticsearchURL(), "elastic", s.ElasticPassword(), "/_security/user/", "roles"}
}

func openSearch(t *testing.T) cluster {
	return cluster{url: stack.ForTest(t, stack.OpenSearch).OpenSearchURL()}
}

func openSearchSecure(t *testing.T) cluster {
	s := stack.ForTest(t, stack.OpenSearchSecure)
	return cluster{s.OpenSearchSecureURL(), "admin", s.OpenSearchPassword(), "/_plugins/_security/api/internalusers/", "opendistro_security_roles"}
}

// secured are the products with their security.
var secured = map[string]func(*testing.T) cluster{"Elasticsearch": realCluster, "OpenSearch with security": openSearchSecure}

// onSecured runs a test on each product with security.
func onSecured(t *testing.T, run func(*testing.T, cluster)) {
	for name, open := range secured {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
}

// onEach runs a test on each product, with security and without.
func onEach(t *testing.T, run func(*testing.T, cluster)) {
	onSecured(t, run)
	t.Run("OpenSearch", func(t *testing.T) { run(t, openSearch(t)) })
}

func (c cluster) config(user, password string) elastic.Config {
	return elastic.Config{Addresses: []string{c.url}, Username: user, Password: password, BackoffMin: 20 * time.Millisecond, BackoffMax: time.Second}
}

// setup runs Setup as an administrator.
func (c cluster) setup(t *testing.T, config elastic.SetupConfig) (elastic.Report, error) {
	t.Helper()
	client, err := elastic.NewClient(c.config(c.user, c.password))
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	config.Replicas = &zero
	if config.Now.IsZero() {
		config.Now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	}
	return elastic.Setup(t.Context(), client, config)
}

func (c cluster) mustSetup(t *testing.T, config elastic.SetupConfig) elastic.Report {
	t.Helper()
	report, err := c.setup(t, config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (c cluster) writer(t *testing.T, user, password string, observer sink.Observer) *elastic.Writer {
	t.Helper()
	config := c.config(user, password)
	client, err := elastic.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return elastic.NewWriter(client, config, observer)
}

// as sends a request as a user and returns status and body.
func (c cluster) as(t *testing.T, user, password, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func (c cluster) admin(t *testing.T, method, path, body string) string {
	t.Helper()
	status, answer := c.as(t, c.user, c.password, method, path, body)
	if status > 299 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// logged fails a test that has to wait for a store that should be well.
type logged struct {
	sink.NoObserver
	t *testing.T
}

func (l logged) Waiting(err error) {
	if err != nil {
		l.t.Logf("waiting: %v", err)
	}
}

// The whole suite, as the user that Setup makes, which has no right that the sink does not need.
func TestConformance(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		user, password := "dossier-sink", sinkPassword
		if c.user == "" {
			user, password = "", ""
		}
		c.mustSetup(t, elastic.SetupConfig{SinkUser: user, SinkPassword: password, NoSecurity: c.user == ""})
		sinktest.Run(t, func(t *testing.T) sink.Store { return c.writer(t, user, password, logged{t: t}) })
	})
}

func storeOne(t *testing.T, w sink.Store, scope string, at time.Time) schema.Document {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d := schema.Document{Kind: schema.DocumentTruncate, EventID: fmt.Sprint("e", time.Now().UnixNano()), Time: at, Scope: scope, Action: schema.ActionTruncate}
	outcomes, err := w.Create(ctx, []schema.Document{d})
	if err != nil {
		t.Fatal(err)
	}
	if outcomes[0].Status != sink.StatusStored {
		t.Fatalf("%+v", outcomes[0])
	}
	return d
}
