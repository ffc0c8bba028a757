package config

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

const access = `
kafka: {brokers: [a:1]}
scopes: [people]
roles: [{name: all, scopes: [people, default]}, {name: public, scopes: [default]}, {name: none_of_it, scopes: [people]}]
sink: {sqlite: {path: dossier.db}}
serve:
  listen: ":8080"
  cors_origins: [https://app.example, "http://127.0.0.1:3000"]
  access:
    - {name: office, token: 0123456789abcdef, roles: [all]}
    - {name: site, token_sha256: HASH, roles: [public]}
`

func TestAccess(t *testing.T) {
	sum := sha256.Sum256([]byte("another token of some length"))
	text := strings.Replace(access, "HASH", strings.ToUpper(hex.EncodeToString(sum[:])), 1)
	c, err := parse("dossier.yaml", []byte(text), nil, NeedServe)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings although tokens are asked for: %q", c.Warnings)
	}
	a := c.Serve.Access
	if a[0].Hash() != sha256.Sum256([]byte("0123456789abcdef")) || a[1].Hash() != sum {
		t.Error("a hash is not that of the token")
	}
	for _, test := range []struct{ roles, want []string }{
		{[]string{"all"}, []string{"default", "people"}}, {[]string{"public"}, []string{"default"}}, {[]string{"public", "none_of_it"}, []string{"default", "people"}},
		{[]string{"unknown"}, nil}, {nil, nil},
	} {
		if got := c.ScopesOf(test.roles); !slices.Equal(got, test.want) {
			t.Errorf("roles %q may read %q, want %q", test.roles, got, test.want)
		}
	}
}

// An address that others can reach, and nobody who asks them who they are.
func TestOpenAddressIsWarnedOf(t *testing.T) {
	for _, test := range []struct {
		listen, sink string
		needs        Need
		want         bool
	}{
		{":8080", "sqlite: {path: x}", NeedServe, true},
		{"0.0.0.0:8080", "sqlite: {path: x}", NeedServe, true},
		{"[::]:8080", "sqlite: {path: x}", NeedServe, true},
		{"audit.example:8080", "sqlite: {path: x}", NeedServe, true},
		{"127.0.0.1:8080", "sqlite: {path: x}", NeedServe, false},
		{"127.1.2.3:8080", "sqlite: {path: x}", NeedServe, false},
		{"[::1]:8080", "sqlite: {path: x}", NeedServe, false},
		{"localhost:8080", "sqlite: {path: x}", NeedServe, false},
		{":8080", "sqlite: {path: x}", NeedStore, false}, // only health and metrics stand there
		{":8080", "elasticsearch: {addresses: [http://127.0.0.1:9200]}", NeedServe, false},
	} {
		text := "kafka: {brokers: [a:1]}\nserve: {listen: \"" + test.listen + "\"}\nsink: {" + test.sink + "}\n"
		c, err := parse("dossier.yaml", []byte(text), nil, test.needs)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(c.Warnings, "\n"), "can be reached from other machines"); got != test.want {
			t.Errorf("%s with %s: warned %v", test.listen, test.sink, got)
		}
	}
}

// Where nobody says who they are, it matters for which host they ask.
func TestChecksHost(t *testing.T) {
	const sqlite, elasticsearch = "sqlite: {path: x}", "elasticsearch: {addresses: [http://127.0.0.1:9200]}"
	for _, test := range []struct {
		serve, sink string
		want        bool
	}{
		{"", sqlite, true}, // the default address
		{`listen: "127.0.0.1:8080"`, sqlite, true},
		{`listen: "localhost:8080"`, sqlite, true},
		{`listen: "[::1]:8080"`, sqlite, true},
		{`listen: ":8080"`, sqlite, false},
		{`listen: "10.0.0.7:8080"`, sqlite, false},
		{`listen: ":8080", hosts: [audit.example]`, sqlite, true},
		{`access: [{name: a, token: 0123456789abcdef, roles: [r]}]`, sqlite, false},
		{"", elasticsearch, false},
		{"hosts: [audit.example]", elasticsearch, true},
	} {
		text := "kafka: {brokers: [a:1]}\nroles: [{name: r, scopes: [default]}]\nserve: {" + test.serve + "}\nsink: {" + test.sink + "}\n"
		c, err := parse("dossier.yaml", []byte(text), nil, NeedServe)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ChecksHost(); got != test.want {
			t.Errorf("%s with %s: %v", test.serve, test.sink, got)
		}
	}
}

func TestServeByEnvironment(t *testing.T) {
	c, err := parse("", nil, []string{"DOSSIER_KAFKA_BROKERS=a:1", "DOSSIER_SERVE_READ_ONLY=true", "DOSSIER_SERVE_AUDIT_READS=true", "DOSSIER_SERVE_CORS_ORIGINS=https://a.example,https://b.example:8443",
		"DOSSIER_SERVE_MAX_TAILS=0", "DOSSIER_SERVE_HOSTS=audit.example,10.0.0.7", "DOSSIER_SINK_SQLITE_PATH=x", "DOSSIER_SINK_SEARCH_TEMPLATES=off",
		`DOSSIER_ROLES=[{"name":"r","scopes":["default"]}]`, `DOSSIER_SERVE_ACCESS=[{"name":"a","token":"${TOKEN}","roles":["r"]}]`, "TOKEN=0123456789abcdef"}, NeedServe)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if !s.ReadOnly || !s.AuditReads || len(s.CORSOrigins) != 2 || len(s.Hosts) != 2 || s.MaxTails != 0 || c.Sink.SearchTemplates != "off" || s.Access[0].Token.Reveal() != "0123456789abcdef" {
		t.Errorf("the variables did not reach the configuration: %+v", s)
	}
	if _, err := parse("", nil, []string{"DOSSIER_KAFKA_BROKERS=a:1"}, NeedServe); err == nil || !strings.Contains(err.Error(), "sink.elasticsearch: missing") {
		t.Errorf("got %v, want a store to be missing", err)
	}
}
