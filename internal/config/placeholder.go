package config

import (
	"errors"
	"fmt"
	"strings"
)

// fill replaces the placeholders of a value: ${NAME} by an environment variable, ${NAME:-text} by the variable or, where it is
// unset or empty, by the text, ${file:/path} by a file's content. $${ stands for ${ itself.
func fill(text string, environ map[string]string, readFile func(string) (string, error)) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		if !ok {
			b.WriteString(text)
			return b.String(), nil
		}
		if kept, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(kept)
			b.WriteString("${")
			text = rest
			continue
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return "", errors.New("a placeholder ${ without its }; write $${ for the characters themselves")
		}
		value, err := lookUp(name, environ, readFile)
		if err != nil {
			return "", err
		}
		b.WriteString(before)
		b.WriteString(value)
		text = after
	}
}

func lookUp(name string, environ map[string]string, readFile func(string) (string, error)) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return readFile(path)
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	if !isVariable(name) {
		return "", fmt.Errorf("${%s} is no placeholder; expected ${NAME}, ${NAME:-text} or ${file:/path}, or $${ for the characters themselves", name)
	}
	value, ok := environ[name]
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !ok:
		return "", fmt.Errorf("the environment variable %s is not set; set it, or give a default as ${%s:-text}", name, name)
	}
	return value, nil
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
