package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// document is a configuration file as it stands, with the lines that encoding/json alone would forget.
type document struct {
	wrapped  bool // {"name", "config"} rather than the settings alone
	line     int  // where the settings begin
	settings []entry
}

type entry struct {
	key, value string
	line       int
}

// parseDocument reads a configuration file. Its errors begin with the line: "12: …".
func parseDocument(content []byte) (document, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	r := &reader{content: content, tokens: json.NewDecoder(bytes.NewReader(content))}
	r.tokens.UseNumber()
	doc := document{line: 1}
	if err := r.object(&doc, true); err != nil {
		return document{}, err
	}
	if _, err := r.tokens.Token(); !errors.Is(err, io.EOF) {
		return document{}, fmt.Errorf("%d: there is more after the end of the object; one file holds one connector", r.line())
	}
	return doc, nil
}

type reader struct {
	content []byte
	tokens  *json.Decoder
}

// line is that of the token read last.
func (r *reader) line() int {
	end := min(int(r.tokens.InputOffset()), len(r.content))
	return 1 + bytes.Count(r.content[:end], []byte("\n"))
}

func (r *reader) next() (json.Token, error) {
	token, err := r.tokens.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at := min(int(syntax.Offset), len(r.content))
		return nil, fmt.Errorf("%d: not JSON: %w", 1+bytes.Count(r.content[:at], []byte("\n")), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%d: not JSON: the file ends within the object", r.line())
	case err != nil:
		return nil, fmt.Errorf("%d: %w", r.line(), err)
	}
	return token, nil
}

// object reads the settings of one object; the outermost may wrap them.
func (r *reader) object(doc *document, outermost bool) error {
	opening, err := r.next()
	if err != nil {
		return err
	}
	if opening != json.Delim('{') {
		return fmt.Errorf(`%d: expected an object, {"name": …, "config": {…}}, found %s`, r.line(), tokenKind(opening))
	}
	doc.line = r.line()
	lines := map[string]int{}
	for r.tokens.More() {
		token, err := r.next()
		if err != nil {
			return err
		}
		key := token.(string) // within an object, the decoder takes nothing else
		line := r.line()
		if first, again := lines[key]; again {
			// Kafka Connect would silently take the last one.
			return fmt.Errorf("%d: %q stands here and on line %d; keep one of them", line, key, first)
		}
		lines[key] = line
		if outermost && key == "config" {
			doc.wrapped = true
			if err := r.object(doc, false); err != nil {
				return err
			}
			continue
		}
		value, err := r.next()
		if err != nil {
			return err
		}
		text, ok := scalar(value)
		if !ok {
			return fmt.Errorf("%d: %q is %s; a setting of Kafka Connect is a string, a number or a boolean", line, key, tokenKind(value))
		}
		if !outermost && key == "name" {
			continue // Connect repeats the connector's name there
		}
		doc.settings = append(doc.settings, entry{key: key, value: text, line: line})
	}
	if _, err := r.next(); err != nil {
		return err
	}
	if outermost && doc.wrapped {
		for _, entry := range doc.settings {
			if lines[entry.key] == entry.line && entry.key != "name" {
				return fmt.Errorf(`%d: %q stands beside "config"; it belongs into it`, entry.line, entry.key)
			}
		}
	}
	return nil
}

func scalar(token json.Token) (string, bool) {
	switch value := token.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return fmt.Sprint(value), true
	default:
		return "", false
	}
}

func tokenKind(token json.Token) string {
	switch token.(type) {
	case nil:
		return "null"
	case json.Delim:
		if token == json.Delim('[') {
			return "an array"
		}
		return "an object"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	default:
		return "a number"
	}
}
