package connectors

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func shippedConfig(t *testing.T, env string) *Config {
	t.Helper()
	cfg, err := Load("postgres-json", environment(shippedEnvironment+env))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func soon(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestApplyIsIdempotent(t *testing.T) {
	connect, client := newFakeConnect(t)
	ctx := soon(t, 10*time.Second)
	for _, step := range []struct {
		env  string
		want Outcome
	}{{"", Created}, {"", Unchanged}, {"DOSSIER_PARTITIONS=12\n", Updated}, {"DOSSIER_PARTITIONS=12\n", Unchanged}} {
		cfg := shippedConfig(t, step.env)
		planned, _, err := client.Plan(ctx, cfg)
		if err != nil || planned != step.want {
			t.Errorf("Plan: %s, %v; want %s", planned, err, step.want)
		}
		got, err := client.Apply(ctx, cfg)
		if err != nil || got != step.want {
			t.Errorf("Apply: %s, %v; want %s", got, err, step.want)
		}
	}
	puts := slices.DeleteFunc(connect.requests, func(r string) bool { return !strings.HasPrefix(r, "PUT") })
	if len(puts) != 2 {
		t.Errorf("%d writes, want 2: %q", len(puts), puts)
	}
	if got := connect.connectors["dossier-shop"]["topic.creation.default.partitions"]; got != "12" {
		t.Errorf("deployed with %q partitions", got)
	}
}

func TestPlanNamesTheChangedKeys(t *testing.T) {
	connect, client := newFakeConnect(t)
	cfg := shippedConfig(t, "")
	deployed := cfg.Values()
	deployed["snapshot.mode"] = "no_data"
	deployed["read.only"] = "true"
	delete(deployed, "slot.name")
	connect.connectors["dossier-shop"] = deployed
	_, changed, err := client.Plan(soon(t, time.Second), cfg)
	if want := []string{"read.only", "slot.name", "snapshot.mode"}; err != nil || !slices.Equal(changed, want) {
		t.Errorf("changed %v, %v; want %v", changed, err, want)
	}
}

// A worker that has just started answers with anything but what was asked for, before and between good answers.
func TestApplyOutlastsTheStartOfConnect(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.troubles = startUp()
	outcome, err := client.Apply(soon(t, 10*time.Second), shippedConfig(t, ""))
	if err != nil || outcome != Created {
		t.Fatalf("%s, %v", outcome, err)
	}
}

func TestNobodyListens(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.Close()
	_, err := client.List(soon(t, 50*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "not ready") || !strings.Contains(err.Error(), "address") {
		t.Errorf("%v", err)
	}
}

func TestFailureOfConnectItselfIsNotRepeatedForEver(t *testing.T) {
	connect, client := newFakeConnect(t)
	broken := func(w http.ResponseWriter, _ *http.Request) { connect.refuse(w, 500, "NullPointerException") }
	connect.troubles = slices.Repeat([]http.HandlerFunc{broken}, 100)
	_, err := client.List(soon(t, 10*time.Second))
	if err == nil || !strings.Contains(err.Error(), "NullPointerException") || len(connect.requests) != 3 {
		t.Errorf("%d requests, %v", len(connect.requests), err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.troubles = []http.HandlerFunc{endless}
	_, err := client.List(soon(t, 10*time.Second))
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

const permissionTrace = `org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.
	at io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: io.debezium.DebeziumException: org.postgresql.util.PSQLException: ERROR: publication "dossier" does not exist, swordfish
	at org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2733)
	... 5 more
`

func TestApplySaysWhyATaskFails(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.trace = permissionTrace
	outcome, err := client.Apply(soon(t, 10*time.Second), shippedConfig(t, ""))
	if outcome != Created || err == nil {
		t.Fatalf("%s, %v", outcome, err)
	}
	for _, want := range []string{"task 0 failed", "change event producer", `publication "dossier" does not exist`, "sql/postgres-setup.sql"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "swordfish") {
		t.Errorf("the error shows a secret: %v", err)
	}
}

func TestApplyRestartsWhatHasFailed(t *testing.T) {
	connect, client := newFakeConnect(t)
	cfg := shippedConfig(t, "")
	ctx := soon(t, 10*time.Second)
	connect.connectors[cfg.Name], connect.looks[cfg.Name] = cfg.Values(), 10
	connect.trace = permissionTrace
	outcome, err := client.Apply(ctx, cfg)
	if err != nil || outcome != Unchanged || connect.restarts != 1 {
		t.Errorf("%s, %v, %d restarts", outcome, err, connect.restarts)
	}
}

// Debezium repeats some failures for ever while its task is RUNNING; only that nothing comes out shows it.
func TestApplyDoubtsAConnectorThatPublishesNothing(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.mute = true
	_, err := client.Apply(soon(t, 200*time.Millisecond), shippedConfig(t, ""))
	if err == nil || !strings.Contains(err.Error(), "published nothing") || !strings.Contains(err.Error(), "--database") {
		t.Errorf("%v", err)
	}
}

func TestApplyRefused(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.troubles = []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) {
			connect.refuse(w, 404, "Connector dossier-shop not found")
		},
		func(w http.ResponseWriter, _ *http.Request) {
			connect.refuse(w, 400, "Connector configuration is invalid and contains the following 1 error(s):\nThis connector has been configured to require exactly-once support\n")
		},
	}
	_, err := client.Apply(soon(t, 10*time.Second), shippedConfig(t, ""))
	if err == nil || !strings.Contains(err.Error(), "exactly.once.source.support=enabled") || len(connect.requests) != 2 {
		t.Errorf("%v, %q", err, connect.requests)
	}
}

func TestValidateOnline(t *testing.T) {
	connect, client := newFakeConnect(t)
	connect.complaints = map[string][]string{
		"database.hostname": {"Error while validating connector config: The connection attempt failed. Password swordfish"},
		"publication.name":  {"Invalid value"},
	}
	cfg := shippedConfig(t, "")
	findings, err := client.Validate(soon(t, 10*time.Second), cfg)
	if err != nil || len(findings) != 2 {
		t.Fatalf("%v, %v", findings, err)
	}
	if f := findings[0]; f.Line != 8 || f.Severity != Error || !strings.Contains(f.Message, "as seen from the Kafka Connect worker") || strings.Contains(f.Message, "swordfish") {
		t.Errorf("%s", f)
	}
}

func TestValidateOnlineWithoutThePlugin(t *testing.T) {
	connect, client := newFakeConnect(t)
	missing := func(w http.ResponseWriter, _ *http.Request) {
		connect.refuse(w, 500, "Failed to find any class that implements Connector and which name matches io.debezium.connector.postgresql.PostgresConnector, available connectors are: ")
	}
	connect.troubles = slices.Repeat([]http.HandlerFunc{missing}, 3)
	findings, err := client.Validate(soon(t, 10*time.Second), shippedConfig(t, ""))
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "plugin.path") {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestDelete(t *testing.T) {
	connect, client := newFakeConnect(t)
	ctx := soon(t, 10*time.Second)
	connect.connectors["a"] = map[string]string{}
	if err := client.Delete(ctx, "a"); err != nil || len(connect.connectors) != 0 {
		t.Errorf("%v", err)
	}
	if err := client.Delete(ctx, "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
}

func TestListAndStatus(t *testing.T) {
	connect, client := newFakeConnect(t)
	ctx := soon(t, 10*time.Second)
	connect.connectors["b"] = map[string]string{"connector.class": "B"}
	connect.connectors["a"] = map[string]string{"connector.class": "A"}
	connect.looks["a"], connect.looks["b"] = 5, 0
	list, err := client.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "a" || !list[0].Running() || list[1].Running() || list[1].Class != "B" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := client.Status(ctx, "c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestClientSendsCredentialsAndHidesThem(t *testing.T) {
	connect, _ := newFakeConnect(t)
	var user, password string
	connect.troubles = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		_, _ = io.WriteString(w, "{}")
	}}
	client, err := NewClient(strings.Replace(connect.URL, "http://", "http://ann:swordfish@", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.List(soon(t, time.Second)); err != nil || user != "ann" || password != "swordfish" {
		t.Errorf("%q %q %v", user, password, err)
	}
	connect.Close()
	if _, err := client.List(soon(t, 20*time.Millisecond)); err == nil || strings.Contains(err.Error(), "swordfish") {
		t.Errorf("%v", err)
	}
	for _, address := range []string{"", "localhost:8083", "ftp://x", "http://ann:swordfish@%"} {
		if _, err := NewClient(address); err == nil || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestTroubleIsOneLine(t *testing.T) {
	for trace, want := range map[string]string{
		"":                                       "",
		permissionTrace:                          `An exception occurred in the change event producer. This connector will be stopped. (ERROR: publication "dossier" does not exist, swordfish)`,
		"java.lang.NullPointerException\n\tat x": "NullPointerException",
		"io.debezium.DebeziumException: The connector reads PostgresOffsetContext [a=Schema{}, b=source_info[server='shop'db='postgres'], c=[]], but this is no longer available on the server.\n\tat x": "The connector reads PostgresOffsetContext […], but this is no longer available on the server.",
		"X: a[0] ] [": "X: a[0] ] [",
	} {
		if got := trouble(trace); got != want {
			t.Errorf("trouble(%q)\n got %q\nwant %q", trace, got, want)
		}
	}
}

func TestSlotRemoval(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"connector.class": postgresClass, "slot.name": "o'neill"}, "SELECT pg_drop_replication_slot('o''neill');"},
		{map[string]string{"connector.class": postgresClass}, "SELECT pg_drop_replication_slot('debezium');"},
		{map[string]string{"connector.class": postgresClass, "slot.drop.on.stop": "true"}, ""},
		{map[string]string{"connector.class": mysqlClass}, ""},
	} {
		if got := SlotRemoval(c.settings); got != c.want {
			t.Errorf("SlotRemoval(%v) = %q, want %q", c.settings, got, c.want)
		}
	}
}
