package elastic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossier/schema"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

const (
	// aliasPrefix begins the names of read aliases and of the roles of the same names.
	aliasPrefix = "dossier-read-"
	// componentTemplate holds what all scopes' indices have in common.
	componentTemplate = "dossier-v1"
	// SinkRole is the role of whoever writes documents.
	SinkRole = "dossier-sink"
)

// SetupConfig says what is to be there.
type SetupConfig struct {
	// Scopes get one family of indices each. Scope "default" is always there.
	Scopes []string
	// Roles may read, each its scopes alone.
	Roles []Role
	// Shards is the number of primary shards of each month's index. Default: 1.
	Shards int
	// Replicas is the number of copies of each shard. Default: 1; a single node has room for 0.
	Replicas *int
	// SinkUser and SinkPassword: a user with the role SinkRole and no other, made if both are given. The password of a user that is
	// there already is left alone.
	SinkUser, SinkPassword string
	// NoSecurity leaves out roles and users, for a cluster whose security is off.
	NoSecurity bool
	// DryRun changes nothing, and reports what would change.
	DryRun bool
	// Now decides which month's indices are made ahead. Required.
	Now time.Time
}

// Role is a group of people who may read some scopes.
type Role struct {
	Name   string
	Scopes []string
}

// ReadAlias returns the name of the alias that a role reads, which is also the name of the role in Elasticsearch.
func ReadAlias(role string) string { return aliasPrefix + role }

// Validate reports every fault of the configuration.
func (c SetupConfig) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for i, scope := range c.Scopes {
		if !schema.ValidScope(scope) {
			fault("scopes[%d]: %q cannot name an index; expected lower-case letters, digits, - and _, without \"-v\" before a digit", i, scope)
		}
		if slices.Contains(c.Scopes[:i], scope) {
			fault("scopes[%d]: %q is there twice", i, scope)
		}
	}
	for i, role := range c.Roles {
		if !schema.ValidScope(role.Name) {
			fault("roles[%d]: %q cannot name an alias; expected lower-case letters, digits, - and _, without \"-v\" before a digit", i, role.Name)
		}
		if slices.ContainsFunc(c.Roles[:i], func(r Role) bool { return r.Name == role.Name }) {
			fault("roles[%d]: %q is there twice", i, role.Name)
		}
		for _, scope := range role.Scopes {
			if scope != schema.DefaultScope && !slices.Contains(c.Scopes, scope) {
				fault("roles[%d] (%s): scope %q is not among the scopes", i, role.Name, scope)
			}
		}
	}
	if c.Shards < 0 {
		fault("shards: %d is negative", c.Shards)
	}
	if c.Replicas != nil && *c.Replicas < 0 {
		fault("replicas: %d is negative", *c.Replicas)
	}
	if (c.SinkUser == "") != (c.SinkPassword == "") {
		fault("sink user, sink password: one is given without the other")
	}
	if c.Now.IsZero() {
		fault("now: the time is missing")
	}
	return faults
}

// Change is one thing that Setup changes or leaves.
type Change struct {
	Action string // create, update, add, remove, keep
	Kind   string // component template, index template, index, mapping, alias, role, user
	Name   string
	Detail string
}

// String returns the change as a line for people.
func (c Change) String() string {
	s := c.Action + " " + c.Kind + " " + c.Name
	if c.Detail != "" {
		s += ": " + c.Detail
	}
	return s
}

// Report is what Setup did, in order; with DryRun what it would do.
type Report struct{ Changes []Change }

// Changed says whether anything is not as it was, or would not be.
func (r Report) Changed() bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Action != "keep" })
}

// MappingError says that indices hold documents under a mapping that this release cannot write to. A field's type cannot be changed
// where documents are: they need a new version of the index family. Setup changes nothing then.
type MappingError struct {
	Differences map[string][]string // by index
}

// Error names each index and field.
func (e *MappingError) Error() string {
	var b strings.Builder
	b.WriteString("the mapping has changed where documents are, which needs a new version of the indices; nothing was changed")
	names := make([]string, 0, len(e.Differences))
	for name := range e.Differences {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString("\n  " + name + ": " + strings.Join(e.Differences[name], "; "))
	}
	return b.String()
}

// Setup brings templates, indices, aliases and roles to what the configuration says, and reports what it changed. It can be repeated at any
// time, while documents are written too: what is there already is left alone. Access that the configuration no longer gives is
// taken away; documents, indices, users and roles are never deleted.
//
// It needs the cluster privileges manage_index_templates and manage_security, and manage on dossier-*.
func Setup(ctx context.Context, client elastictransport.Interface, config SetupConfig) (Report, error) {
	if faults := config.Validate(); len(faults) > 0 {
		return Report{}, errors.Join(faults...)
	}
	if !slices.Contains(config.Scopes, schema.DefaultScope) {
		config.Scopes = append([]string{schema.DefaultScope}, config.Scopes...)
	}
	if config.Shards == 0 {
		config.Shards = 1
	}
	if config.Replicas == nil {
		one := 1
		config.Replicas = &one
	}
	p := &plan{requester: requester{client}, config: config}
	if err := p.make(ctx); err != nil {
		return Report{}, fmt.Errorf("elasticsearch setup: %w", err)
	}
	var report Report
	for _, s := range p.steps {
		if s.method != "" && !config.DryRun {
			var body []byte
			if s.body != nil {
				body = encode(s.body)
			}
			if _, err := p.patiently(ctx, s.method, s.path, body); err != nil && !s.done(err) {
				return report, fmt.Errorf("elasticsearch setup: %s: %w", s.change, err)
			}
		}
		report.Changes = append(report.Changes, s.change)
	}
	return report, nil
}

// step is one change and the request that brings it about; none where all is as it should be.
type step struct {
	change       Change
	method, path string
	body         any
}

// done says whether an error means that somebody else was faster.
func (s step) done(err error) bool {
	var api *apiError
	return s.change.Kind == "index" && errors.As(err, &api) && api.Type == "resource_already_exists_exception"
}
