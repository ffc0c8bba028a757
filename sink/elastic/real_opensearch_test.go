package elastic_test

import (
	"strings"
	"testing"

	"dossier/query"
	"dossier/sink/elastic"
)

// OpenSearch's roles keep scopes apart as Elasticsearch's do, but for one thing: who may read an alias may read the indices behind it by their own names.
func TestOpenSearchRoleReadsItsScopesAlone(t *testing.T) {
	c := openSearchSecure(t)
	c.empty(t)
	c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"catalog", "people"}, Roles: []elastic.Role{{Name: "catalog_auditor", Scopes: []string{"catalog"}}, {Name: "people_auditor", Scopes: []string{"people"}}},
		SinkUser: "dossier-sink", SinkPassword: sinkPassword})
	w := c.writer(t, "dossier-sink", sinkPassword, logged{t: t})
	catalog, people := storeOne(t, w, "catalog", november), storeOne(t, w, "people", november)
	c.addUser(t, "cat", "dossier-read-catalog_auditor")
	for _, path := range []string{"/dossier-read-catalog_auditor/_search", "/" + catalog.Index() + "/_search"} {
		if status, answer := c.as(t, "cat", sinkPassword, "POST", path, ""); status != 200 || strings.Contains(answer, people.EventID) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	type request struct{ method, path, body string }
	denied := map[string][]request{
		"cat": {
			{"POST", "/dossier-read-people_auditor/_search", ""}, {"POST", "/" + people.Index() + "/_search", ""}, {"GET", "/" + people.Index() + "/_doc/" + people.ID(), ""},
			{"POST", "/dossier-*/_search", ""}, {"POST", "/_search", ""}, {"POST", "/.opendistro_security/_search", ""}, {"GET", "/" + catalog.Index() + "/_mapping", ""}, {"GET", "/_cluster/state", ""},
			{"GET", "/_index_template/dossier-catalog-v1", ""}, {"GET", "/_plugins/_security/api/roles", ""}, {"PUT", "/" + catalog.Index() + "/_create/x", "{}"},
			{"DELETE", "/" + catalog.Index(), ""}, {"PUT", "/" + people.Index() + "/_alias/dossier-read-catalog_auditor", ""}, {"PUT", "/dossier-mine-v1-2026.11", ""},
		},
		"dossier-sink": {
			{"DELETE", "/" + catalog.Index() + "/_doc/" + catalog.ID(), ""}, {"DELETE", "/" + catalog.Index(), ""}, {"POST", "/" + catalog.Index() + "/_close", ""},
			{"PUT", "/" + catalog.Index() + "/_settings", `{"index.blocks.write":true}`}, {"PUT", "/" + catalog.Index() + "/_alias/x", ""}, {"PUT", "/other/_create/1", "{}"},
			{"PUT", "/_index_template/x", `{"index_patterns":["x"]}`}, {"GET", "/_plugins/_security/api/roles", ""},
			{"PUT", "/_plugins/_security/api/internalusers/mallory", `{"password":"Mallory-1!xyz","opendistro_security_roles":["all_access"]}`},
		},
	}
	for user, requests := range denied {
		for _, r := range requests {
			if status, answer := c.as(t, user, sinkPassword, r.method, r.path, r.body); status != 403 {
				t.Errorf("%s: %s %s: %d %s, want 403", user, r.method, r.path, status, answer)
			}
		}
	}
	// Items of requests that carry several targets are refused one by one.
	for path, body := range map[string]string{
		"/_mget":    `{"docs":[{"_index":"` + people.Index() + `","_id":"` + people.ID() + `"}]}`,
		"/_msearch": `{"index":"dossier-read-people_auditor"}` + "\n{}\n",
		"/_bulk":    `{"create":{"_index":"` + catalog.Index() + `","_id":"forged"}}` + "\n{}\n",
	} {
		if _, answer := c.as(t, "cat", sinkPassword, "POST", path, body); strings.Contains(answer, `"_source"`) || !strings.Contains(answer, "security_exception") {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

// The rights of a role that somebody has widened are taken back, whatever they were widened by.
func TestSetupTakesBackRights(t *testing.T) {
	c := openSearchSecure(t)
	config := elastic.SetupConfig{Scopes: []string{"kept"}, Roles: []elastic.Role{{Name: "keeper", Scopes: []string{"kept"}}}, SinkUser: "kept-sink", SinkPassword: sinkPassword}
	c.mustSetup(t, config)
	const role = "/_plugins/_security/api/roles/dossier-read-keeper"
	for _, patch := range []string{
		`[{"op":"add","path":"/cluster_permissions","value":["*"]}]`,
		`[{"op":"replace","path":"/index_permissions/0/index_patterns","value":["*"]}]`,
		`[{"op":"replace","path":"/index_permissions/0/allowed_actions","value":["indices_all"]}]`,
		`[{"op":"add","path":"/index_permissions/0/dls","value":"{\"match_none\":{}}"}]`,
		`[{"op":"add","path":"/index_permissions/0/fls","value":["user"]}]`,
		`[{"op":"add","path":"/tenant_permissions","value":[{"tenant_patterns":["*"],"allowed_actions":["kibana_all_write"]}]}]`,
	} {
		c.admin(t, "PATCH", role, patch)
		if report := c.mustSetup(t, config); !strings.Contains(lines(report), "update role dossier-read-keeper: rights differ") {
			t.Errorf("after %s:\n%s", patch, lines(report))
		}
		if report := c.mustSetup(t, config); report.Changed() {
			t.Errorf("after %s, not settled:\n%s", patch, lines(report))
		}
	}
	c.admin(t, "PATCH", c.users+"kept-sink", `[{"op":"replace","path":"/opendistro_security_roles","value":["all_access"]}]`)
	if report := c.mustSetup(t, config); !strings.Contains(lines(report), "update user kept-sink") {
		t.Errorf("the user:\n%s", lines(report))
	}
	if status, answer := c.as(t, "kept-sink", sinkPassword, "GET", "/_plugins/_security/api/roles", ""); status != 403 {
		t.Errorf("the user's old password: %d %s", status, answer)
	}
	if _, err := c.reader(t).For(basic("kept-sink", sinkPassword)).Count(t.Context(), query.Count{}); err == nil {
		t.Error("the sink's user may ask questions")
	}
}
