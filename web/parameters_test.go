package web

import (
	"net/http"
	"strings"
	"testing"
)

func TestParametersThatAreRefused(t *testing.T) {
	a := newTestAPI(t, nil)
	for target, want := range map[string]struct{ parameter, says string }{
		"changes?limt=3":                             {"limt", `did you mean "limit"?`},
		"changes?Q=a":                                {"Q", "no such parameter"},
		"changes?offset=3":                           {"offset", "q, from, to, order, limit, cursor"},
		"changes?limit=3&limit=4":                    {"limit", "more than once"},
		"changes?q=a&q=a":                            {"q", "more than once"},
		"changes?limit=":                             {"limit", "empty"},
		"changes?limit=0":                            {"limit", "from 1 to 1000"},
		"changes?limit=1001":                         {"limit", "from 1 to 1000"},
		"changes?limit=+3":                           {"limit", "whole number"},
		"changes?limit=03":                           {"limit", "whole number"},
		"changes?limit=1e2":                          {"limit", "whole number"},
		"changes?limit=99999999999999999999999":      {"limit", "whole number"},
		"changes?q=%zz":                              {"", "query string"},
		"changes?q=a;b":                              {"", "query string"},
		"changes?q=%ff":                              {"q", "UTF-8"},
		"changes?%ff=1":                              {"\uFFFD", "no such parameter"},
		"changes?order=up":                           {"order", ""},
		"changes?from=yesterday":                     {"from", ""},
		"changes?cursor=nonsense":                    {"cursor", ""},
		"changes?q=nokey:":                           {"q", ""},
		"counts":                                     {"by", "missing"},
		"counts?by=colour":                           {"by", ""},
		"entities/product/1?blame=yes":               {"blame", "true or false"},
		"entities/product/1?edition=first":           {"edition", "without a version"},
		"entities/product/1?as_of=soon":              {"as_of", ""},
		"entities/product/1/diff":                    {"a", "missing"},
		"entities/product/1/diff?a=now&c=now":        {"c", "no such parameter"},
		"transactions/shop/abc":                      {"tx_id", ""},
		"tail?limit=3":                               {"limit", "this call takes q"},
		"changes?" + strings.Repeat("y", 500) + "=1": {strings.Repeat("y", 64) + "…", "no such parameter"},
	} {
		t.Run(target, func(t *testing.T) {
			p := wantProblem(t, get(a, "/api/v1/"+target), kindInvalid, want.parameter)
			if !strings.Contains(p.Detail, want.says) {
				t.Errorf("says %q, want %q", p.Detail, want.says)
			}
		})
	}
	if p := wantProblem(t, get(a, "/api/v1/changes?q=user:u1+colour:red"), kindInvalid, "q"); p.Position != 9 {
		t.Errorf("a fault at character 9 of q is said to be at %d", p.Position)
	}
	wantProblem(t, get(a, "/api/openapi.json?pretty=1"), kindInvalid, "pretty")
}

func TestParametersThatAreTaken(t *testing.T) {
	a := newTestAPI(t, nil)
	for _, target := range []string{
		"changes", "changes?q=", "changes?q=user:u1&from=-7d&to=now&order=asc&limit=1000", "counts?by=user&q=&limit=1",
		"entities/product/1?blame=true", "entities/product/1?blame=false&as_of=2026-11-23T02:01:30Z", "entities/product/1/diff?a=2026-11-23T02:01:30Z",
		"entities/product/1/history?field=price&user=u1", "entities/product/1/children", "requests/r-1", "transactions/shop/728?time=-7d", "versions", "versions/Baseline",
		"versions/Baseline?edition=1&type=product", "versions/Baseline?edition=changes",
	} {
		if w := get(a, "/api/v1/"+target); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"limit", "limit", 0}, {"limt", "limit", 1}, {"lmit", "limit", 1}, {"limits", "limit", 1}, {"lamat", "limit", 2}, {"", "to", 2}, {"offset", "q", 3}, {"abc", "xyz", 3}} {
		if got := min(distance(c.a, c.b, 3), 3); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
