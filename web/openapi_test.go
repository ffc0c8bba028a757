package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"dossier/intake"
	"dossier/query"
)

// description is the API's description, as far as the tests look at it.
type description struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Parameters map[string]describedParameter `json:"parameters"`
		Schemas    map[string]describedSchema    `json:"schemas"`
		Responses  map[string]describedResponse  `json:"responses"`
	} `json:"components"`
}

type describedSchema struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Enum       []string                   `json:"enum"`
}

type describedParameter struct {
	Ref         string `json:"$ref"`
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
}

type describedResponse struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"content"`
}

type describedOperation struct {
	OperationID string                       `json:"operationId"`
	Summary     string                       `json:"summary"`
	Parameters  []describedParameter         `json:"parameters"`
	Responses   map[string]describedResponse `json:"responses"`
}

func readDescription(t *testing.T) (d description, document any) {
	t.Helper()
	w := get(newTestAPI(t, nil), "/api/openapi.json")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return d, document
}

func (d *description) operation(t *testing.T, path, method string) describedOperation {
	t.Helper()
	var o describedOperation
	if err := json.Unmarshal(d.Paths[path][method], &o); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return o
}

func (d *description) resolve(list []describedParameter) []describedParameter {
	list = slices.Clone(list)
	for i, p := range list {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			list[i] = d.Components.Parameters[name]
		}
	}
	return list
}

// TestDescriptionAndRoutesAgree: every route is described, with its parameters, and nothing else is.
func TestDescriptionAndRoutesAgree(t *testing.T) {
	d, _ := readDescription(t)
	described := map[string]bool{}
	ids := map[string]bool{}
	for path, item := range d.Paths {
		for method := range item {
			if method == "parameters" {
				continue
			}
			described[strings.ToUpper(method)+" "+path] = true
			o := d.operation(t, path, method)
			if ids[o.OperationID] || o.OperationID == "" || o.Summary == "" {
				t.Errorf("%s %s: no id and summary of its own", method, path)
			}
			ids[o.OperationID] = true
		}
	}
	for _, rt := range routes {
		path, method := "/api"+rt.pattern, strings.ToLower(rt.method)
		if !described[rt.method+" "+path] {
			t.Errorf("%s %s is not described", rt.method, path)
			continue
		}
		delete(described, rt.method+" "+path)
		var shared []describedParameter
		if raw := d.Paths[path]["parameters"]; raw != nil {
			if err := json.Unmarshal(raw, &shared); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string][]string{}
		for _, p := range d.resolve(append(shared, d.operation(t, path, method).Parameters...)) {
			got[p.In] = append(got[p.In], p.Name)
			if p.Description == "" {
				t.Errorf("%s %s: %s has no description", rt.method, path, p.Name)
			}
		}
		if want := rt.parameters; !slices.Equal(slices.Sorted(slices.Values(got["query"])), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s %s: parameters %v are described, %v taken", rt.method, path, got["query"], want)
		}
		var segments []string
		for segment := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok {
				segments = append(segments, strings.TrimSuffix(name, "}"))
			}
		}
		if !slices.Equal(got["path"], segments) {
			t.Errorf("%s %s: path parameters %v are described, %v taken", rt.method, path, got["path"], segments)
		}
	}
	for call := range described {
		t.Errorf("%s is described and not there", call)
	}
}

// TestDescriptionNamesEveryMember: what answers and problems can hold is described, and nothing else.
func TestDescriptionNamesEveryMember(t *testing.T) {
	d, _ := readDescription(t)
	for name, v := range map[string]any{
		"Problem": Problem{}, "Fault": Fault{}, "Ref": query.Ref{}, "Entity": query.Entity{}, "Change": query.Change{}, "CDC": query.CDC{}, "FieldChange": query.FieldChange{},
		"VersionMark": query.VersionMark{}, "Feedback": query.Feedback{}, "State": query.State{}, "StateVersion": query.StateVersion{}, "Blame": query.Blame{}, "Naming": query.Naming{}, "History": query.History{},
		"Diff": query.Diff{}, "States": query.States{}, "Changes": query.Changes{}, "Counts": query.CountsAnswer{}, "Transaction": query.Transaction{}, "TableCount": query.TableCount{},
		"Request": query.Request{}, "Edition": query.Edition{}, "NamedVersion": query.NamedVersion{}, "NamedVersions": query.NamedVersions{}, "VersionContent": query.VersionContent{},
		"VersionAnswer": intake.VersionAnswer{}, "FeedbackAnswer": intake.FeedbackAnswer{},
	} {
		described := slices.Sorted(maps.Keys(d.Components.Schemas[name].Properties))
		if has := slices.Sorted(slices.Values(members(reflect.TypeOf(v)))); !slices.Equal(described, has) {
			t.Errorf("%s: described %v, has %v", name, described, has)
		}
	}
	var types []string
	for _, k := range []problemKind{kindInvalid, kindTooBroad, kindUnauthenticated, kindForbidden, kindReadOnly, kindNotFound, kindMethodNotAllowed, kindConflict, kindTooLarge,
		kindMediaType, kindMisdirected, kindFaults, kindInternal, kindUnavailable} {
		types = append(types, problemTypePrefix+k.code)
	}
	var described struct {
		Enum []string `json:"enum"`
	}
	if err := json.Unmarshal(d.Components.Schemas["Problem"].Properties["type"], &described); err != nil || !slices.Equal(described.Enum, types) {
		t.Errorf("types of problems: described %v, there are %v (%v)", described.Enum, types, err)
	}
}

func members(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			names = append(names, members(f.Type)...)
		case f.IsExported() && tag != "-":
			names = append(names, tag)
		}
	}
	return names
}

// TestAnswersAreAsDescribed validates answers, good and bad, against the schemas.
func TestAnswersAreAsDescribed(t *testing.T) {
	d, document := readDescription(t)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("api.json", document); err != nil {
		t.Fatal(err)
	}
	a := newTestAPI(t, nil)
	misdirecting := newTestAPI(t, func(o *Options) { o.CheckHost = true })
	for _, c := range []struct{ path, target string }{
		{"/api/openapi.json", "openapi.json"},
		{"/api/openapi.json", "openapi.json?x=1"},
		{"/api/v1/entities/{type}/{id}", "v1/entities/product/1"},
		{"/api/v1/entities/{type}/{id}", "v1/entities/product/1?blame=true"},
		{"/api/v1/entities/{type}/{id}", "v1/entities/product/1?as_of=2026-11-22"},
		{"/api/v1/entities/{type}/{id}", "v1/entities/product/none"},
		{"/api/v1/entities/{type}/{id}", "v1/entities/product/1?blame=x"},
		{"/api/v1/entities/{type}/{id}/history", "v1/entities/product/1/history"},
		{"/api/v1/entities/{type}/{id}/diff", "v1/entities/product/1/diff?a=2026-11-23T02:01:30Z"},
		{"/api/v1/entities/{type}/{id}/children", "v1/entities/product/1/children"},
		{"/api/v1/changes", "v1/changes"},
		{"/api/v1/changes", "v1/changes?q=field:price"},
		{"/api/v1/changes", "v1/changes?q=nokey:x"},
		{"/api/v1/changes", "v1/changes?limit=1"},
		{"/api/v1/counts", "v1/counts?by=user"},
		{"/api/v1/counts", "v1/counts?by=entity"},
		{"/api/v1/counts", "v1/counts?by=day"},
		{"/api/v1/requests/{id}", "v1/requests/r-1"},
		{"/api/v1/requests/{id}", "v1/requests/none"},
		{"/api/v1/transactions/{source}/{tx_id}", "v1/transactions/shop/728"},
		{"/api/v1/versions", "v1/versions"},
		{"/api/v1/versions/{name}", "v1/versions/Baseline"},
		{"/api/v1/tail", "v1/tail"},
	} {
		w := get(a, "/api/"+c.target)
		checkAnswer(t, &d, compiler, c.path, "get", c.target, w)
		checkAnswer(t, &d, compiler, c.path, "get", c.target+" for another host", get(misdirecting, "/api/"+c.target))
	}
	desk := newTestAPI(t, func(o *Options) { o.Desk = &intake.Desk{} })
	for _, path := range []string{"/api/v1/versions", "/api/v1/feedback"} {
		checkAnswer(t, &d, compiler, path, "post", "without Kafka", ask(a, "POST", path, strings.NewReader("{}"), "Content-Type", "application/json"))
		checkAnswer(t, &d, compiler, path, "post", "with faults", ask(desk, "POST", path, strings.NewReader("{}"), "Content-Type", "application/json"))
		checkAnswer(t, &d, compiler, path, "post", "as text", ask(desk, "POST", path, strings.NewReader("{}")))
	}
}

func checkAnswer(t *testing.T, d *description, compiler *jsonschema.Compiler, path, method, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	pointer := fmt.Sprintf("#/paths/%s/%s/responses/%d", strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path), method, w.Code)
	r, ok := d.operation(t, path, method).Responses[fmt.Sprint(w.Code)]
	if name, ref := strings.CutPrefix(r.Ref, "#/components/responses/"); ref {
		r, pointer = d.Components.Responses[name], "#/components/responses/"+name
	}
	media := w.Header().Get("Content-Type")
	if _, described := r.Content[media]; !ok || !described {
		t.Errorf("%s %s, %s: %d with %s is not described: %s", method, path, what, w.Code, media, w.Body)
		return
	}
	schema, err := compiler.Compile("api.json" + pointer + "/content/" + strings.ReplaceAll(media, "/", "~1") + "/schema")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(w.Body)
	if err == nil {
		err = schema.Validate(instance)
	}
	if err != nil {
		t.Errorf("%s %s, %s: %v", method, path, what, err)
	}
}
