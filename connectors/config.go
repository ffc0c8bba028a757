package connectors

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Config is one connector's configuration, read from a file, its placeholders filled.
type Config struct {
	// Path names the file in findings.
	Path string
	// Name is the connector's name at Kafka Connect.
	Name string
	// Settings stand in the order of the file; each key is there once.
	Settings []Setting

	line       int // where the settings begin
	nameLine   int
	unresolved []Finding
	secrets    []string
}

// Setting is one key of a configuration with its value.
type Setting struct {
	Key string
	// Raw is the value as the file has it, and is what may be shown.
	Raw string
	// Value is Raw with its placeholders filled. It may be a secret.
	Value string
	// Line counts from 1.
	Line int
	// Filled is false where a placeholder found no value; then Value is not to be judged.
	Filled bool
}

// Load reads a connector's configuration from a JSON file, or from the configurations inside the binary when path names one of
// them and there is no such file. Environment variables come from lookup, which is [os.LookupEnv] outside tests.
//
// The file holds either {"name": …, "config": {…}} or the settings alone with "name" among them. In its values
//   - ${NAME} is replaced by the environment variable NAME, or by the content of the file that NAME_FILE names;
//   - ${NAME:-text} likewise, with text where neither is set;
//   - ${file:/path} is replaced by the content of a file;
//   - anything else in braces, such as ${secrets:/run/db.properties:password}, is left to the configuration providers of Kafka
//     Connect, and $${ stands for ${ itself.
//
// Line ends at the end of a file's content are dropped. A placeholder without a value is no error here: [Validate] reports
// all of them together. The error of Load tells that the file cannot be read or is no such object, with the line.
func Load(path string, lookup func(string) (string, bool)) (*Config, error) {
	content, err := readBounded(path)
	if os.IsNotExist(err) {
		if inside, ok := ShippedFile(path); ok && strings.Contains(string(inside), `"connector.class"`) {
			return Parse(path, inside, lookup)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read connector configuration: %w", err)
	}
	return Parse(path, content, lookup)
}

// Parse is [Load] on content that has been read; path only names it in findings.
func Parse(path string, content []byte, lookup func(string) (string, bool)) (*Config, error) {
	doc, err := parseDocument(content)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	cfg := &Config{Path: path, line: doc.line}
	fill := filler{path: path, lookup: lookup, readFile: readBounded, missed: map[string]bool{}}
	for _, entry := range doc.settings {
		setting := Setting{Key: entry.key, Raw: entry.value, Line: entry.line}
		var secret []string
		setting.Value, secret, setting.Filled = fill.expand(entry.key, entry.line, entry.value)
		cfg.secrets = append(cfg.secrets, secret...)
		if setting.Filled && isSecret(setting.Key) && setting.Value != "" {
			cfg.secrets = append(cfg.secrets, setting.Value)
		}
		if entry.key == "name" {
			cfg.Name, cfg.nameLine = setting.Value, entry.line
			if doc.wrapped { // the envelope's name; Connect sets the same in the settings
				continue
			}
		}
		cfg.Settings = append(cfg.Settings, setting)
	}
	cfg.unresolved = fill.findings
	return cfg, nil
}

// Get gives the value of a key, and whether it stands in the file and could be filled.
func (c *Config) Get(key string) (string, bool) {
	for _, setting := range c.Settings {
		if setting.Key == key {
			return setting.Value, setting.Filled
		}
	}
	return "", false
}

// Values is what Kafka Connect is sent: every key with its value, the connector's name included. It may hold secrets.
func (c *Config) Values() map[string]string {
	values := make(map[string]string, len(c.Settings)+1)
	for _, setting := range c.Settings {
		values[setting.Key] = setting.Value
	}
	values["name"] = c.Name
	return values
}

// Redact replaces every secret of the configuration in a text by asterisks, for texts that come from elsewhere and may quote
// what was sent.
func (c *Config) Redact(text string) string {
	// The longest first: a secret may be part of another.
	secrets := slices.Clone(c.secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// finding makes a finding about a key at its place in the file.
func (c *Config) finding(severity Severity, key, format string, args ...any) Finding {
	line := c.line
	for _, setting := range c.Settings {
		if setting.Key == key {
			line = setting.Line
		}
	}
	if key == "name" && c.nameLine > 0 {
		line = c.nameLine
	}
	return Finding{Severity: severity, Key: key, File: c.Path, Line: line, Message: c.Redact(fmt.Sprintf(format, args...))}
}

// Differences lists the keys whose values differ between what is deployed and this configuration, sorted. It names keys alone:
// values may be secrets.
func (c *Config) Differences(deployed map[string]string) []string {
	wanted := c.Values()
	var keys []string
	for key := range maps.Keys(wanted) {
		if was, ok := deployed[key]; !ok || was != wanted[key] {
			keys = append(keys, key)
		}
	}
	for key := range maps.Keys(deployed) {
		if _, ok := wanted[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// isSecret reports whether the value of a key must not be shown. The TOAST placeholder is among them: who knows it can write a
// value that reads as "unchanged".
func isSecret(key string) bool {
	if known, ok := lookupAnywhere(key); ok && known.Type == "PASSWORD" {
		return true
	}
	if key == "unavailable.value.placeholder" {
		return true
	}
	lower := strings.ToLower(key)
	for _, word := range []string{"password", "secret", "token", "jaas", "credential", "userinfo", "user.info"} {
		if strings.Contains(lower, word) && !strings.Contains(lower, "endpoint") {
			return true
		}
	}
	return false
}
