package elastic_test

import (
	"strings"
	"testing"

	"dossier/sink/elastic"
)

// A user with one role reads what its scopes hold through its alias, and gets 403 on everything else.
func TestRoleReadsItsAliasAlone(t *testing.T) {
	c := realCluster(t)
	c.empty(t)
	c.mustSetup(t, elastic.SetupConfig{
		Scopes: []string{"catalog", "people"},
		Roles:  []elastic.Role{{Name: "catalog_auditor", Scopes: []string{"catalog"}}, {Name: "people_auditor", Scopes: []string{"people", "catalog"}}},

		SinkUser: "dossier-sink", SinkPassword: sinkPassword,
	})
	w := c.writer(t, "dossier-sink", sinkPassword, logged{t: t})
	catalog := storeOne(t, w, "catalog", november)
	people := storeOne(t, w, "people", november)
	c.addUser(t, "ann", "dossier-read-catalog_auditor")
	c.addUser(t, "bob", "dossier-read-people_auditor")
	if n := c.count(t, "ann", "dossier-read-catalog_auditor"); n != 1 {
		t.Errorf("ann sees %d documents, want 1", n)
	}
	if n := c.count(t, "bob", "dossier-read-people_auditor"); n != 2 {
		t.Errorf("bob sees %d documents, want 2", n)
	}

	const alias = "/dossier-read-catalog_auditor"
	allowed := []struct{ method, path, body string }{
		{"POST", alias + "/_search", `{"query":{"term":{"event.id":"` + catalog.EventID + `"}}}`},
		{"POST", alias + "/_count", ""},
		{"POST", alias + "/_pit?keep_alive=1m", ""},
		{"POST", alias + "/_field_caps?fields=*", ""},
		{"GET", alias + "/_doc/" + catalog.ID(), ""},
	}
	for _, r := range allowed {
		if status, answer := c.as(t, "ann", sinkPassword, r.method, r.path, r.body); status != 200 {
			t.Errorf("%s %s: %d %s, want 200", r.method, r.path, status, answer)
		}
	}
	denied := []struct{ method, path, body string }{
		// The indices behind her own alias, and others' aliases and indices, by each way of reading.
		{"POST", "/" + catalog.Index() + "/_search", ""},
		{"GET", "/" + catalog.Index() + "/_doc/" + catalog.ID(), ""},
		{"POST", "/dossier-read-people_auditor/_search", ""},
		{"POST", "/dossier-read-people_auditor/_count", ""},
		{"GET", "/dossier-read-people_auditor/_doc/" + people.ID(), ""},
		{"POST", "/dossier-read-people_auditor/_pit?keep_alive=1m", ""},
		{"POST", "/" + people.Index() + "/_search", ""},
		{"POST", alias + "," + people.Index() + "/_search", ""},
		{"POST", "/.security/_search", ""},
		// What is not reading.
		{"GET", alias + "/_mapping", ""},
		{"GET", alias + "/_settings", ""},
		{"GET", "/" + catalog.Index() + "/_mapping", ""},
		{"GET", alias, ""},
		{"GET", "/_cluster/health", ""},
		{"GET", "/_cluster/state", ""},
		{"GET", "/_nodes", ""},
		{"GET", "/_cat/indices", ""},
		{"GET", "/_index_template/dossier-catalog-v1", ""},
		{"GET", "/_security/role/dossier-read-people_auditor", ""},
		// Writes.
		{"POST", alias + "/_doc", "{}"},
		{"PUT", alias + "/_create/x", "{}"},
		{"PUT", "/" + catalog.Index() + "/_create/x", "{}"},
		{"DELETE", alias + "/_doc/" + catalog.ID(), ""},
		{"POST", alias + "/_update/" + catalog.ID(), `{"doc":{}}`},
		{"DELETE", "/" + catalog.Index(), ""},
		{"PUT", "/" + catalog.Index() + "/_alias/dossier-read-catalog_auditor", ""},
		{"PUT", "/" + catalog.Index() + "/_mapping", `{"properties":{"x":{"type":"keyword"}}}`},
		{"PUT", "/_security/role/dossier-read-catalog_auditor", `{"cluster":["all"]}`},
		{"PUT", "/dossier-mine-v1-2026.11", ""},
		{"POST", "/_aliases", `{"actions":[{"add":{"index":"dossier-people-v1-*","alias":"dossier-read-catalog_auditor"}}]}`},
	}
	for _, r := range denied {
		if status, answer := c.as(t, "ann", sinkPassword, r.method, r.path, r.body); status != 403 {
			t.Errorf("%s %s: %d %s, want 403", r.method, r.path, status, answer)
		}
	}
	// A wildcard finds what she may see, no more.
	for _, path := range []string{"/_search", "/*/_search", "/dossier-*/_search", "/_all/_search"} {
		status, answer := c.as(t, "ann", sinkPassword, "POST", path, "")
		if status == 200 && strings.Contains(answer, people.EventID) {
			t.Errorf("POST %s shows another scope: %s", path, answer)
		}
	}
	// Items of requests that carry several targets are refused one by one.
	_, answer := c.as(t, "ann", sinkPassword, "POST", "/_mget", `{"docs":[{"_index":"`+people.Index()+`","_id":"`+people.ID()+`"}]}`)
	if strings.Contains(answer, `"_source"`) || !strings.Contains(answer, "security_exception") { // the identity that was asked for comes back
		t.Errorf("mget: %s", answer)
	}
	_, answer = c.as(t, "ann", sinkPassword, "POST", "/_bulk", `{"create":{"_index":"`+catalog.Index()+`","_id":"forged"}}`+"\n{}\n")
	if !strings.Contains(answer, "security_exception") {
		t.Errorf("bulk: %s", answer)
	}
	_, answer = c.as(t, "ann", sinkPassword, "POST", "/_msearch", `{"index":"dossier-read-people_auditor"}`+"\n{}\n")
	if strings.Contains(answer, people.EventID) || !strings.Contains(answer, "security_exception") {
		t.Errorf("msearch: %s", answer)
	}
}

// The sink's user can do what the conformance suite does, and nothing that would let whoever steals its password hide what was stored.
func TestSinkHasNoMoreRightsThanItNeeds(t *testing.T) {
	c := realCluster(t)
	c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"guarded"}, Roles: []elastic.Role{{Name: "guarded", Scopes: []string{"guarded"}}},
		SinkUser: "dossier-sink", SinkPassword: sinkPassword})
	d := storeOne(t, c.writer(t, "dossier-sink", sinkPassword, logged{t: t}), "guarded", november)
	for _, r := range []struct{ method, path, body string }{
		{"DELETE", "/" + d.Index() + "/_doc/" + d.ID(), ""},
		{"DELETE", "/" + d.Index(), ""},
		{"POST", "/" + d.Index() + "/_close", ""},
		{"PUT", "/" + d.Index() + "/_settings", `{"index.blocks.write":true}`},
		{"PUT", "/" + d.Index() + "/_alias/x", ""},
		{"PUT", "/other/_create/1", "{}"},
		{"POST", "/.security/_search", ""},
		{"GET", "/_cluster/health", ""},
		{"PUT", "/_index_template/x", `{"index_patterns":["x"]}`},
		{"GET", "/_security/role", ""},
		{"PUT", "/_security/user/mallory", `{"password":"mallory","roles":["superuser"]}`},
	} {
		if status, answer := c.as(t, "dossier-sink", sinkPassword, r.method, r.path, r.body); status != 403 {
			t.Errorf("%s %s: %d %s, want 403", r.method, r.path, status, answer)
		}
	}
}
