package connectors

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// placeholder finds $${ (an escape), ${NAME}, ${NAME:-default} and ${file:/path}. A second colon in the last makes it a
// variable of Kafka Connect's FileConfigProvider, which is not ours to fill.
var placeholder = regexp.MustCompile(`\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?|file:([^:}]+))\}`)

// maxFile bounds what is read of a configuration or a secret, in bytes.
const maxFile = 1 << 20

// filler fills placeholders, and keeps a finding for each that it could not fill.
type filler struct {
	path     string
	lookup   func(string) (string, bool)
	readFile func(string) ([]byte, error)
	findings []Finding
	missed   map[string]bool // variables
}

// expand fills the placeholders of one value. It gives the value, those parts of it that came from files and so are secrets,
// and whether all could be filled.
func (f *filler) expand(key string, line int, raw string) (value string, secrets []string, filled bool) {
	filled = true
	miss := func(format string, args ...any) string {
		filled = false
		f.findings = append(f.findings, Finding{Severity: Error, Key: key, File: f.path, Line: line, Message: fmt.Sprintf(format, args...)})
		return ""
	}
	fromFile := func(path, named string) string {
		content, err := f.readFile(path)
		if err != nil {
			return miss("%s cannot be read: %v; make the file, readable for this user, with nothing but the value in it", named, err)
		}
		text := strings.TrimRight(string(content), "\r\n")
		if text != "" {
			secrets = append(secrets, text)
		}
		return text
	}
	value = placeholder.ReplaceAllStringFunc(raw, func(match string) string {
		if match == "$${" {
			return "${"
		}
		groups := placeholder.FindStringSubmatch(match)
		name, fallback, path := groups[1], groups[2], groups[3]
		if path != "" {
			return fromFile(path, "the file of ${file:"+path+"}")
		}
		text, set := f.lookup(name)
		if text != "" {
			return text
		}
		if path, ok := f.lookup(name + "_FILE"); ok && path != "" {
			return fromFile(path, "the file "+path+" of "+name+"_FILE")
		}
		if fallback != "" {
			return strings.TrimPrefix(fallback, ":-")
		}
		if set { // to nothing, as a password may be
			return ""
		}
		if f.missed[name] { // said already, for the first key that needs it
			filled = false
			return ""
		}
		f.missed[name] = true
		return miss("the environment has no %s; set it, or set %s_FILE to the path of a file that holds it%s", name, name, explain(key))
	})
	return value, secrets, filled
}

// explain adds how to come by a value that is not obvious.
func explain(key string) string {
	switch key {
	case "unavailable.value.placeholder":
		return " (a text that nobody can guess, the same for ever: openssl rand -hex 16)"
	case "topic.prefix":
		return " (the name of this source in every audit event, the same for ever, such as shop)"
	default:
		return ""
	}
}

// readBounded reads a file of at most maxFile bytes.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return content, errors.Join(err, file.Close())
}
