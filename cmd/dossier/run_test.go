package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// output is a buffer that is written to and read at once.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// address waits for the log line that names the first HTTP address.
func (o *output) address(t *testing.T) string {
	t.Helper()
	return o.addressOf(t, "")
}

// addressOf waits for the log line that names the address of a key; "" is any.
func (o *output) addressOf(t *testing.T, key string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(o.String()) {
			var entry struct{ Message, Key, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "listening" && (key == "" || key == entry.Key) {
				return entry.Address
			}
		}
	}
	t.Fatalf("not listening:\n%s", o)
	return ""
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

const changeEvent = `{"before":null,"after":{"id":1,"name":"chair","ssn":"123-45"},"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%[1]d,
"snapshot":"false","db":"shop","sequence":"[\"1\",\"2\"]","schema":"public","table":"product","txId":7,"lsn":2},"transaction":null,"op":"c","ts_ms":%[1]d}`

// TestRunProcessor runs the processor as `dossier run` does: a change becomes an audit event, health tells of it, and a signal ends it.
func TestRunProcessor(t *testing.T) {
	path, client := fakeKafka(t, `
sources: [{name: shop, format: json}]
context: {grace: 200ms}
entities:
  - {table: public.product, type: product, scope: catalog, fields: {mask: [ssn], transform: {name: [{rename: title}]}}}
scopes: [catalog]
admin: {listen: 127.0.0.1:0, pprof: true}
`)
	if code, out, errs := invoke(t, "setup", "--config", path); code != 0 {
		t.Fatalf("setup: %s%s", out, errs)
	}
	change := &kgo.Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: fmt.Appendf(nil, changeEvent, time.Now().UnixMilli())}
	if err := client.ProduceSync(t.Context(), change).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log output
	root := newRootCommand()
	root.SetErr(&log)
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"run", "--role", "processor", "--config", path}, &log) }()

	address := "http://" + log.address(t)
	if status, body := get(t, address+"/healthz"); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
	client.AddConsumeTopics("dossier.audit")
	limit, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	fetches := client.PollFetches(limit)
	if fetches.NumRecords() != 1 {
		t.Fatalf("%d audit events, want 1; %v\n%s", fetches.NumRecords(), fetches.Err(), &log)
	}
	event := string(fetches.Records()[0].Value)
	for _, want := range []string{`"type":"product"`, `"scope":"catalog"`, `"title":"chair"`, `"ssn":"masked"`, `"unattributed"`} {
		if !strings.Contains(event, want) {
			t.Errorf("no %s in %s", want, event)
		}
	}
	if strings.Contains(event+log.String(), "123-45") {
		t.Error("a masked value is shown")
	}
	eventually(t, func() error {
		if status, body := get(t, address+"/readyz"); status != 200 {
			return fmt.Errorf("readyz: %d %s", status, body)
		}
		_, metrics := get(t, address+"/metrics")
		if !strings.Contains(metrics, `dossier_processor_changes_total{source="shop",status="unattributed"} 1`) {
			return errors.New("no such change among the metrics")
		}
		return nil
	})
	for _, profile := range []string{"profile?seconds=1", "allocs", "heap"} {
		// A profile is a gzipped file that go tool pprof reads.
		if status, body := get(t, address+"/debug/pprof/"+profile); status != 200 || !strings.HasPrefix(body, "\x1f\x8b") {
			t.Errorf("pprof %s: %d %.100q", profile, status, body)
		}
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("ended with code %d\n%s", code, &log)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("not ended\n%s", &log)
	}
	if _, err := http.Get(address + "/healthz"); err == nil {
		t.Error("still answers")
	}
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Error(err)
}

func TestRunRoles(t *testing.T) {
	log := zap.NewNop()
	untilDone := func(ctx context.Context) error { <-ctx.Done(); return nil }
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		roles  []role
		cancel bool
		says   string
	}{
		"drains":           {[]role{{"a", untilDone}, {"b", untilDone}}, true, ""},
		"one fails":        {[]role{{"a", untilDone}, {"b", func(context.Context) error { return broken }}}, false, "b: broken"},
		"one just ends":    {[]role{{"a", untilDone}, {"b", func(context.Context) error { return nil }}}, false, "b: ended by itself"},
		"fails in drain":   {[]role{{"a", func(ctx context.Context) error { <-ctx.Done(); return broken }}}, true, "a: broken"},
		"does not drain":   {[]role{{"a", func(context.Context) error { select {} }}}, true, "not drained within 50ms"},
		"stuck beside one": {[]role{{"a", func(context.Context) error { select {} }}, {"b", func(context.Context) error { return broken }}}, false, "not drained"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
			err := runRoles(ctx, c.roles, 50*time.Millisecond, log)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestRunNeedsWhatItsRolesNeed(t *testing.T) {
	for _, c := range []struct{ text, role, says string }{
		{"", "processor", "sources: missing"},
		{"sources: [{name: a}]", "processor,sink", "sink.elasticsearch: missing"},
		{"sources: [{name: a}]\nserve: {listen: 192.0.2.1:1}", "processor", "serve.listen: listen tcp"},
	} {
		path, _ := fakeKafka(t, c.text+"\n")
		if code, _, errs := invoke(t, "run", "--role", c.role, "--config", path); code == 0 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: code %d, want %q in %s", c.text, code, c.says, errs)
		}
	}
}
