package config

import (
	"reflect"
	"strings"
)

// tagOf returns a field's key, and whether its own keys stand in its parent's section.
func tagOf(f reflect.StructField) (name string, inline bool) {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name, options == "inline"
}

// fieldOf returns the field of v whose key is name, and its words.
func fieldOf(v reflect.Value, name string) (reflect.Value, string, bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, inline := tagOf(f)
		if inline {
			if field, enum, ok := fieldOf(v.Field(i), name); ok {
				return field, enum, true
			}
			continue
		}
		if key == name && name != "" && name != "-" {
			return v.Field(i), f.Tag.Get("enum"), true
		}
	}
	return reflect.Value{}, "", false
}

// secretFile returns the secret that name, such as password_file, gives the file of.
func secretFile(v reflect.Value, name string) (reflect.Value, bool) {
	secret, ok := strings.CutSuffix(name, fileSuffix)
	if !ok {
		return reflect.Value{}, false
	}
	field, _, ok := fieldOf(v, secret)
	if !ok || field.Type() != typeSecret {
		return reflect.Value{}, false
	}
	return field, true
}

// keysOf lists the keys of a section, in the order of their definition.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		switch key, inline := tagOf(f); {
		case inline:
			keys = append(keys, keysOf(f.Type)...)
		case key == "" || key == "-":
		default:
			keys = append(keys, key)
			if f.Type == typeSecret {
				keys = append(keys, key+fileSuffix)
			}
		}
	}
	return keys
}
