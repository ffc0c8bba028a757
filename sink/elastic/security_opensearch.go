package elastic

import "slices"

// How OpenSearch writes roles and users down. Its roles name actions where Elasticsearch's name privileges, and a request that carries several others needs
// a right of its own over the cluster.

// openSearchRole gives rights to indices or aliases.
func openSearchRole(cluster []any, pattern string, actions []any) object {
	return object{
		"cluster_permissions": cluster,
		"index_permissions":   []any{object{"index_patterns": []any{pattern}, "allowed_actions": actions}},
	}
}

// openSearchReadRole may read what stands behind its alias and nothing else. OpenSearch takes the alias for the indices behind it, which can so be read by their own names, too.
func openSearchReadRole(alias string) object {
	return openSearchRole([]any{"indices:data/read/mget", "indices:data/read/msearch"}, alias, []any{"read"})
}

// openSearchSinkRole has the rights of sinkRole.
func openSearchSinkRole() object {
	return openSearchRole([]any{"indices:data/write/bulk", "indices:data/read/mget"}, "dossier-*-v1-*", []any{
		"indices:data/write/bulk*", "indices:data/write/index", "indices:data/read/mget*", "indices:data/read/get",
		"indices:admin/create", "indices:admin/auto_create", "indices:admin/mappings/get"})
}

// sameOpenSearchRole compares what a role may do; OpenSearch adds members of its own, and forgets the order of lists.
func sameOpenSearchRole(current, wanted object) bool {
	rights, _ := current["index_permissions"].([]any)
	if len(rights) != 1 || !sameSet(current["cluster_permissions"], wanted["cluster_permissions"]) || !emptyList(current["tenant_permissions"]) {
		return false
	}
	right, _ := rights[0].(object)
	want := wanted["index_permissions"].([]any)[0].(object)
	for name, value := range right {
		switch name {
		case "index_patterns", "allowed_actions":
			if !sameSet(value, want[name]) {
				return false
			}
		case "dls":
			if value != nil && value != "" {
				return false
			}
		default: // field-level security and what is still to come
			if !emptyList(value) {
				return false
			}
		}
	}
	return true
}

func emptyList(value any) bool {
	list, ok := value.([]any)
	return value == nil || ok && len(list) == 0
}

// sameSet compares lists of texts without regard to order.
func sameSet(a, b any) bool {
	x, y := sortedTexts(a), sortedTexts(b)
	return x != nil && y != nil && slices.Equal(x, y)
}

func sortedTexts(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return nil
	}
	texts := make([]string, 0, len(list))
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}
