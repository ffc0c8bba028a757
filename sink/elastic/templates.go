package elastic

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// templateFiles are the stored search templates, for clients that ask the store without Dossier: docs/search-templates.md says what each finds. A parameter stands within
// the quotes of a JSON string and is escaped for it, so that a text cannot become a part of the query.
//
//go:embed templates/*.mustache
var templateFiles embed.FS

// SearchTemplates are the names of the stored search templates, in order.
var SearchTemplates = []string{"dossier-as-of", "dossier-by-request", "dossier-by-time", "dossier-by-version", "dossier-entity-history"}

// searchTemplate returns the text of a template.
func searchTemplate(name string) string {
	text, err := templateFiles.ReadFile("templates/" + name + ".mustache")
	if err != nil {
		panic(err) // a name that SearchTemplates does not have
	}
	return string(text)
}

// ErrNoSearchTemplates says that the store takes no search templates: a node without the module lang-mustache, which every distribution of Elasticsearch and OpenSearch has.
var ErrNoSearchTemplates = errors.New("the store takes no search templates: it lacks the module lang-mustache; add it, or set sink.search_templates to optional or off")

// SetupSearchTemplates stores the search templates, and reports what it changed. It can be repeated at any time. With required a store that takes none is
// ErrNoSearchTemplates; otherwise the report says that they were skipped. It needs the cluster privilege to manage stored scripts.
func SetupSearchTemplates(ctx context.Context, client elastictransport.Interface, required, dryRun bool) (Report, error) {
	p := &plan{requester: requester{client}}
	var report Report
	for _, name := range SearchTemplates {
		change := Change{Action: "create", Kind: "search template", Name: name}
		path := "/_scripts/" + name
		current, err := p.read(ctx, path)
		if err != nil {
			return report, fmt.Errorf("search template %s: %w", name, err)
		}
		wanted := object{"lang": "mustache", "source": searchTemplate(name)}
		if script, ok := current["script"].(object); ok {
			if script["lang"] == wanted["lang"] && script["source"] == wanted["source"] {
				change.Action = "keep"
				report.Changes = append(report.Changes, change)
				continue
			}
			change.Action = "update"
		}
		if !dryRun {
			_, err := p.patiently(ctx, http.MethodPut, path, encode(object{"script": wanted}))
			switch {
			case err != nil && noMustache(err) && required:
				return report, ErrNoSearchTemplates
			case err != nil && noMustache(err):
				report.Changes = append(report.Changes, Change{"skip", "search templates", "dossier-*", "the store lacks the module lang-mustache"})
				return report, nil
			case err != nil:
				return report, fmt.Errorf("search template %s: %w", name, err)
			}
		}
		report.Changes = append(report.Changes, change)
	}
	return report, nil
}

// noMustache says whether the store does not know the language of search templates.
func noMustache(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.Status == http.StatusBadRequest && strings.Contains(api.Reason, "supported") && strings.Contains(api.Reason, "mustache")
}
