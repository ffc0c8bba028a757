package elastic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// readRole may read its alias and nothing else: no index behind it, no metadata, no cluster.
func readRole(alias string) object {
	return object{
		"cluster": []any{},
		"indices": []any{object{"names": []any{alias}, "privileges": []any{"read"}}},
	}
}

// sinkRole may create documents and, for late attributions, new versions of them; read documents by id, to compare hashes; let Elasticsearch
// make next month's index from the template; and see whether an index has its mapping. It may not delete, change a mapping of its own,
// or see the cluster.
func sinkRole() object {
	return object{
		"cluster": []any{},
		"indices": []any{object{"names": []any{"dossier-*-v1-*"}, "privileges": []any{"index", "read", "auto_configure", "view_index_metadata"}}},
	}
}

// security plans roles and the sink's user.
func (p *plan) security(ctx context.Context) error {
	api := p.product.security()
	roles, err := p.read(ctx, api.roles)
	if roles == nil && err == nil || noSecurity(err) {
		return fmt.Errorf("%s keeps no roles (GET %s: %w): without security every user reads every scope: switch it on (Elasticsearch: xpack.security.enabled, "+
			"OpenSearch: its security plugin), or leave roles out on purpose", p.product, api.roles, cmp.Or(err, errNotThere))
	}
	if err != nil {
		return err
	}
	wanted := map[string]object{SinkRole: api.sinkRole()}
	for _, role := range p.config.Roles {
		wanted[ReadAlias(role.Name)] = api.readRole(ReadAlias(role.Name))
	}
	for _, name := range sortedKeys(wanted) {
		change := Change{"create", "role", name, ""}
		if current, ok := roles[name].(object); ok {
			if api.sameRole(current, wanted[name]) {
				p.keep("role", name, "")
				continue
			}
			change.Action, change.Detail = "update", "rights differ"
		}
		p.add(change, "PUT", api.roles+"/"+name, wanted[name])
	}
	for _, name := range sortedKeys(roles) {
		if strings.HasPrefix(name, aliasPrefix) && wanted[name] == nil {
			p.keep("role", name, "no longer configured; its alias is on no index, so it reads nothing")
		}
	}
	if p.config.SinkUser == "" {
		return nil
	}
	return p.user(ctx)
}

var errNotThere = errors.New("not found")

// askProduct asks the store what it is, as patiently as everything else.
func (p *plan) askProduct(ctx context.Context) (product, error) {
	pause := backoff{min: setupPauseMin, max: setupPauseMax}
	for attempt := 1; ; attempt++ {
		found, err := productOf(p.send(ctx, "GET", "/", "", http.Header{}, nil, errorLimit))
		if err == nil || attempt == setupAttempts || !notReady(err) || pause.pause(ctx) != nil {
			return found, err
		}
	}
}

// sameRole compares what a role may do; Elasticsearch adds members of its own.
func sameRole(current, wanted object) bool {
	for member, value := range current {
		switch member {
		case "cluster":
			if list, _ := value.([]any); len(list) > 0 {
				return false
			}
		case "indices":
			list, _ := value.([]any)
			if len(list) != 1 {
				return false
			}
			rights, _ := list[0].(object)
			for name, value := range rights {
				if name == "allow_restricted_indices" {
					if value != false {
						return false
					}
				} else if !reflect.DeepEqual(value, wanted["indices"].([]any)[0].(object)[name]) {
					return false
				}
			}
		case "metadata", "transient_metadata", "description":
		default: // applications, run_as, remote_indices, global and what is still to come: rights that no role of ours has
			switch v := value.(type) {
			case []any:
				if len(v) > 0 {
					return false
				}
			case object:
				if len(v) > 0 {
					return false
				}
			case nil:
			default:
				return false
			}
		}
	}
	return current["indices"] != nil
}

// user plans the sink's user.
func (p *plan) user(ctx context.Context) error {
	api := p.product.security()
	path := api.users + "/" + p.config.SinkUser
	users, err := p.read(ctx, path)
	if err != nil {
		return err
	}
	roles := []any{SinkRole}
	current, ok := users[p.config.SinkUser].(object)
	switch {
	case !ok:
		p.add(Change{"create", "user", p.config.SinkUser, "with the role " + SinkRole}, "PUT", path,
			object{"password": p.config.SinkPassword, api.userRoles: roles})
	case reflect.DeepEqual(current[api.userRoles], roles):
		p.keep("user", p.config.SinkUser, "")
	default:
		method, body := p.product.newRoles(roles)
		p.add(Change{"update", "user", p.config.SinkUser, fmt.Sprintf("roles %v instead of %v", roles, current[api.userRoles])}, method, path, body)
	}
	return nil
}
