package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossier/schema"
)

// plan compares what is there with what the configuration says. Making it only reads.
type plan struct {
	requester
	config  SetupConfig
	product product
	steps   []step
}

// indexName takes the name of an index apart. A scope holds no "-v1", so there is only one way.
var indexName = regexp.MustCompile(`^dossier-(.+)-v1-\d{4}\.\d{2}$`)

// templateName takes the name of a scope's index template apart.
var templateName = regexp.MustCompile(`^dossier-(.+)-v1$`)

func (p *plan) make(ctx context.Context) error {
	var err error
	if p.product, err = p.askProduct(ctx); err != nil {
		return err
	}
	if err := p.indices(ctx); err != nil {
		return err
	}
	if p.config.NoSecurity {
		return nil
	}
	return p.security(ctx)
}

func (p *plan) add(change Change, method, path string, body any) {
	p.steps = append(p.steps, step{change, method, path, body})
}

func (p *plan) keep(kind, name, detail string) {
	p.add(Change{"keep", kind, name, detail}, "", "", nil)
}

// read gets an object; nil where there is none.
func (p *plan) read(ctx context.Context, path string) (object, error) {
	answer, err := p.patiently(ctx, "GET", path, nil)
	var api *apiError
	if errors.As(err, &api) && api.Status == 404 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := decode(answer)
	if o == nil {
		return nil, fmt.Errorf("GET %s: unreadable answer", path)
	}
	return o, nil
}

// setupAttempts bounds the tries of one request of Setup: with the pauses between them, about a minute.
const (
	setupAttempts = 10
	setupPauseMin = 200 * time.Millisecond
	setupPauseMax = 10 * time.Second
)

// notReady says whether an error means that the cluster will do better in a while.
func notReady(err error) bool {
	var api *apiError
	return errors.As(err, &api) && (api.Status == 429 || api.Status >= 500)
}

// patiently tries a request again while the cluster says that it is not ready, as it does for a while after its start. Everything
// that Setup sends can be sent twice.
func (p *plan) patiently(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	pause := backoff{min: setupPauseMin, max: setupPauseMax}
	for attempt := 1; ; attempt++ {
		answer, err := p.do(ctx, method, path, "application/json", body)
		if !notReady(err) || attempt == setupAttempts {
			return answer, err
		}
		if pause.pause(ctx) != nil {
			return nil, err
		}
	}
}

func (p *plan) indices(ctx context.Context) error {
	indices, err := p.read(ctx, "/dossier-*-v1-*/_mapping?expand_wildcards=all")
	if err != nil {
		return err
	}
	templates, err := p.read(ctx, "/_index_template/dossier-*")
	if err != nil {
		return err
	}
	scopes := slices.Clone(p.config.Scopes)
	known := func(scope string) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope) // configured once: its aliases are to be looked after
		}
	}

	wanted := mapping(p.product)
	missing := map[string]object{}
	faults := map[string][]string{}
	for _, name := range sortedKeys(indices) {
		parts := indexName.FindStringSubmatch(name)
		if parts == nil {
			continue
		}
		known(parts[1])
		actual, _ := indices[name].(object)["mappings"].(object)
		m, differences := compareMappings(wanted, actual)
		if len(differences) > 0 {
			faults[name] = differences
		}
		if m != nil {
			missing[name] = m
		}
	}
	if len(faults) > 0 {
		return &MappingError{faults}
	}

	if err := p.component(ctx, wanted); err != nil {
		return err
	}
	current := map[string]object{}
	list, _ := templates["index_templates"].([]any)
	for _, t := range list {
		t := t.(object)
		name, _ := t["name"].(string)
		if parts := templateName.FindStringSubmatch(name); parts != nil {
			known(parts[1])
			current[parts[1]], _ = t["index_template"].(object)
		}
	}
	for _, scope := range scopes {
		p.template(scope, current[scope])
	}
	for _, scope := range p.config.Scopes {
		name := schema.DocumentIndex(scope, p.config.Now)
		if _, ok := indices[name]; ok {
			p.keep("index", name, "")
		} else {
			p.add(Change{"create", "index", name, ""}, "PUT", "/"+name, nil)
		}
	}
	for _, name := range sortedKeys(missing) {
		p.add(Change{"update", "mapping", name, "new fields: " + strings.Join(leaves("", missing[name]), ", ")},
			"PUT", "/"+name+"/_mapping", object{"properties": missing[name]})
	}
	return p.aliases(ctx)
}

// component plans the template that holds the mapping.
func (p *plan) component(ctx context.Context, wanted object) error {
	settings := object{
		"number_of_shards":   strconv.Itoa(p.config.Shards),
		"number_of_replicas": strconv.Itoa(*p.config.Replicas),
		// Documents of one transaction are alike, and compress well where they lie beside each other. The counts of transactions, which are told by their certainty and
		// lack nearly all fields, lie behind all others: among these, each field would have to note which documents have it.
		"codec": "best_compression",
		"sort": object{"field": []any{"transaction.certain", "@timestamp", "cdc.position"}, "order": []any{"desc", "desc", "desc"},
			"missing": []any{"_first", "_last", "_last"}},
		"analysis": analysis(),
	}
	path := "/_component_template/" + componentTemplate
	answer, err := p.read(ctx, path)
	if err != nil {
		return err
	}
	change := Change{"create", "component template", componentTemplate, ""}
	if list, _ := answer["component_templates"].([]any); len(list) == 1 {
		component, _ := list[0].(object)["component_template"].(object)
		template, _ := component["template"].(object)
		index, _ := template["settings"].(object)["index"].(object)
		sameMapping := reflect.DeepEqual(template["mappings"], wanted)
		sameSettings := reflect.DeepEqual(index, settings)
		switch {
		case sameMapping && sameSettings:
			p.keep(change.Kind, change.Name, "")
			return nil
		case sameMapping:
			change.Detail = "settings"
		case sameSettings:
			change.Detail = "mapping"
		default:
			change.Detail = "mapping and settings"
		}
		change.Action = "update"
	}
	p.add(change, "PUT", path, object{"template": object{"settings": object{"index": settings}, "mappings": wanted}})
	return nil
}

// template plans a scope's index template, which gives each month's index its mapping and its aliases.
func (p *plan) template(scope string, current object) {
	aliases := object{}
	for _, alias := range p.aliasesOf(scope) {
		aliases[alias] = object{}
	}
	body := object{
		"index_patterns": []any{"dossier-" + scope + "-v1-*"},
		"composed_of":    []any{componentTemplate},
		"priority":       json.Number("500"),
		"template":       object{"aliases": aliases},
	}
	change := Change{"create", "index template", "dossier-" + scope + "-v1", ""}
	if current != nil {
		change.Action = "update"
		template, _ := current["template"].(object)
		was, _ := template["aliases"].(object)
		if was == nil {
			was = object{}
		}
		if !reflect.DeepEqual(was, aliases) {
			change.Detail = fmt.Sprintf("aliases %v instead of %v", sortedKeys(aliases), sortedKeys(was))
		} else if reflect.DeepEqual(current["index_patterns"], body["index_patterns"]) && reflect.DeepEqual(current["composed_of"], body["composed_of"]) &&
			reflect.DeepEqual(current["priority"], body["priority"]) {
			p.keep(change.Kind, change.Name, "")
			return
		}
	}
	p.add(change, "PUT", "/_index_template/"+change.Name, body)
}

// aliasesOf returns the aliases that a scope's indices are to have.
func (p *plan) aliasesOf(scope string) []string {
	var aliases []string
	for _, role := range p.config.Roles {
		if slices.Contains(role.Scopes, scope) {
			aliases = append(aliases, ReadAlias(role.Name))
		}
	}
	slices.Sort(aliases)
	return aliases
}

// aliases plans what indices that are there already gain and lose. Those to come get theirs from the template.
func (p *plan) aliases(ctx context.Context) error {
	answer, err := p.read(ctx, "/dossier-*-v1-*/_alias?expand_wildcards=all")
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(answer) {
		parts := indexName.FindStringSubmatch(name)
		if parts == nil {
			continue
		}
		has, _ := answer[name].(object)["aliases"].(object)
		wanted := p.aliasesOf(parts[1])
		act := func(action, alias string) {
			p.add(Change{action, "alias", alias, "on " + name}, "POST", "/_aliases",
				object{"actions": []any{object{action: object{"index": name, "alias": alias}}}})
		}
		for _, alias := range wanted {
			// One with a filter or routing of its own would show less than the role may see.
			if properties, ok := has[alias].(object); !ok || len(properties) > 0 {
				act("add", alias)
			}
		}
		for _, alias := range sortedKeys(has) {
			if strings.HasPrefix(alias, aliasPrefix) && !slices.Contains(wanted, alias) {
				act("remove", alias)
			}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// leaves names the fields of a tree of properties.
func leaves(path string, tree object) []string {
	var names []string
	for _, name := range sortedKeys(tree) {
		if below := properties(tree[name].(object)); below != nil {
			names = append(names, leaves(path+name+".", below)...)
		} else {
			names = append(names, path+name)
		}
	}
	return names
}
