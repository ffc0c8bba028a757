package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// DefaultFile is read where no other file is named, if it is there.
const DefaultFile = "dossier.yaml"

// Load reads the configuration from a file and the environment (as os.Environ gives it). An empty path means DefaultFile if it
// is there, else the environment alone. A configuration with faults gives Faults, among them what is needed and missing; a file
// that cannot be read, its error.
func Load(path string, environ []string, needs Need) (*Config, error) {
	text, err := os.ReadFile(or(path, DefaultFile))
	switch {
	case err == nil:
		return parse(or(path, DefaultFile), text, environ, needs)
	case path == "" && errors.Is(err, fs.ErrNotExist):
		return parse("", nil, environ, needs)
	}
	return nil, fmt.Errorf("reading the configuration: %w; name another file with --config", err)
}

func or(path, fallback string) string {
	if path == "" {
		return fallback
	}
	return path
}

// Parse reads a configuration from YAML text, which name stands for in faults, and from environ. The files that the text refers to
// for secrets are read. The error is Faults.
func Parse(name string, text []byte, environ []string) (*Config, error) {
	return parse(name, text, environ, 0)
}

func parse(name string, text []byte, environ []string, needs Need) (*Config, error) {
	c := defaults()
	c.name, c.origins = name, map[string]origin{}
	d := &decoder{file: name, origins: c.origins, environ: environMap(environ), anchors: map[string]ast.Node{}}
	body, ok := d.document(text)
	if !ok {
		return nil, d.faults // about the rest nothing can be said
	}
	if body != nil {
		d.value("", body, reflect.ValueOf(c).Elem(), "")
	}
	d.environment("", reflect.ValueOf(c).Elem(), "")
	c.Warnings = append(c.Warnings, d.strayVariables()...)
	d.faults = append(d.faults, c.check(d.faults, needs)...)
	if len(d.faults) > 0 {
		d.faults.sort()
		return nil, d.faults
	}
	return c, nil
}

// document parses YAML text to its only document's body; nil for an empty one. On a syntax error there is one fault: nothing
// after it can be trusted.
func (d *decoder) document(text []byte) (ast.Node, bool) {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			line := syntax.GetToken().Position.Line
			// The message alone: the error's own text quotes the lines around, and with them perhaps a secret.
			d.faults = append(d.faults, Fault{File: d.fileOrNone(), Line: line, Env: d.env, Message: "not valid YAML: " + syntax.GetMessage()})
			return nil, false
		}
		d.faults = append(d.faults, Fault{File: d.fileOrNone(), Env: d.env, Message: "not valid YAML"})
		return nil, false
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			d.faultAt("", doc.Body, "expected one YAML document, got another one here; leave out the --- line")
			return nil, false
		}
		body = doc.Body
	}
	return body, true
}

func environMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			m[name] = value
		}
	}
	return m
}
