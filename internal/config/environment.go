package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// envPrefix starts the name of every key's variable; EnvConfig alone is no key's.
const (
	envPrefix = "DOSSIER_"
	// EnvConfig is the variable that names the configuration file.
	EnvConfig = "DOSSIER_CONFIG"
)

// Variable returns the environment variable of a key: DOSSIER_CONTEXT_GRACE for context.grace.
func Variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys lists every key that can be set, lists and maps by their own name, in the order of their definition. Below a list or
// a map, where there is no variable for each key, they stand as in entities[].fields.mask.
func Keys() []string { return keysBelow("", reflect.TypeFor[Config]()) }

func keysBelow(prefix string, t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, inline := tagOf(f)
		switch {
		case inline:
			keys = append(keys, keysBelow(prefix, f.Type)...)
			continue
		case name == "" || name == "-":
			continue
		}
		key, ft := join(prefix, name), f.Type
		for ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case ft == typeSecret:
			keys = append(keys, key, key+fileSuffix)
		case ft.Kind() == reflect.Struct:
			keys = append(keys, keysBelow(key, ft)...)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			keys = append(keys, key)
			keys = append(keys, keysBelow(key+"[]", ft.Elem())...)
		case ft.Kind() == reflect.Map && ft.Elem().Kind() == reflect.Slice:
			keys = append(keys, key)
			keys = append(keys, keysBelow(key+".*[]", ft.Elem().Elem())...)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

// environment lays the variables over v and says whether there was one. An empty variable counts as none: that is how
// compose files and service managers leave one out.
func (d *decoder) environment(key string, v reflect.Value, enum string) bool {
	switch {
	case v.Type() == typeSecret:
		return d.secretVariable(key, v)
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		if !v.IsNil() {
			return d.environment(key, v.Elem(), enum)
		}
		// A section that the file leaves out comes to be by any variable below it.
		p := newWithDefaults(v.Type().Elem())
		if !d.environment(key, p.Elem(), enum) {
			return false
		}
		v.Set(p)
		return true
	case v.Kind() == reflect.Struct:
		return d.sectionVariables(key, v)
	}
	name := Variable(key)
	text := d.environ[name]
	if text == "" {
		return false
	}
	d.env = name
	defer func() { d.env = "" }()
	d.origins[key] = origin{env: name}
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String && !strings.HasPrefix(text, "["):
		v.Set(reflect.ValueOf(splitList(text)))
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Map:
		if body, ok := d.document([]byte(text)); ok && body != nil {
			d.value(key, body, v, enum)
		}
	default:
		if err := setScalar(v, text, enum); err != nil {
			d.faultAt(key, nil, "%v, got %q", err, text)
		}
	}
	return true
}

func (d *decoder) sectionVariables(key string, v reflect.Value) bool {
	found := false
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, inline := tagOf(f)
		switch {
		case inline:
			found = d.sectionVariables(key, v.Field(i)) || found
		case name != "" && name != "-":
			found = d.environment(join(key, name), v.Field(i), f.Tag.Get("enum")) || found
		}
	}
	return found
}

func (d *decoder) secretVariable(key string, v reflect.Value) bool {
	name, fileName := Variable(key), Variable(key+fileSuffix)
	text, path := d.environ[name], d.environ[fileName]
	switch {
	case text != "" && path != "":
		d.faults = append(d.faults, Fault{Env: fileName, Key: key + fileSuffix, Message: "set together with " + name + "; give one of them"})
	case text != "":
		d.origins[key] = origin{env: name}
		v.Set(reflect.ValueOf(NewSecret(text)))
	case path != "":
		d.origins[key] = origin{env: fileName}
		text, err := readSecretFile(path)
		if err != nil {
			d.faults = append(d.faults, Fault{Env: fileName, Key: key + fileSuffix, Message: err.Error()})
		}
		v.Set(reflect.ValueOf(NewSecret(text)))
	default:
		return false
	}
	return true
}

// connectorSource is a variable of the shipped connectors' files, next to which dossier often runs. It is no key's, and looks like
// that of sources.
const connectorSource = "DOSSIER_SOURCE"

// strayVariables warns of variables that look like a misspelt key's. Others that start alike may belong to somebody else, such as
// those that Kubernetes sets for a service called dossier.
func (d *decoder) strayVariables() []string {
	var known []string
	for _, key := range Keys() {
		if !strings.Contains(key, "[]") {
			known = append(known, Variable(key))
		}
	}
	known = append(known, EnvConfig, connectorSource)
	var warnings []string
	for name := range d.environ {
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) {
			continue
		}
		for _, k := range known {
			if distance(name, k) <= 2 {
				warnings = append(warnings, fmt.Sprintf("environment variable %s belongs to no key; did you mean %s?", name, k))
				break
			}
		}
	}
	slices.Sort(warnings)
	return warnings
}
