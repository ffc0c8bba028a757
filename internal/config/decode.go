package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder carries YAML nodes into a Config and collects the faults on the way. The library's own decoder stops at its first
// error, and forgets where a key stood.
type decoder struct {
	file    string
	env     string // the variable whose text is being decoded; "" while it is the file's
	environ map[string]string
	anchors map[string]ast.Node
	origins map[string]origin
	faults  Faults
}

func (d *decoder) fileOrNone() string {
	if d.env != "" {
		return ""
	}
	return d.file
}

func (d *decoder) faultAt(key string, n ast.Node, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.fileOrNone(), Line: lineOf(n), Env: d.env, Key: key, Message: fmt.Sprintf(format, args...)})
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	// A mapping's own token is its first colon; its first key is where it starts.
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return lineOf(m.Values[0].Key)
	}
	return n.GetToken().Position.Line
}

var (
	typeDuration = reflect.TypeFor[Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typeSecret   = reflect.TypeFor[Secret]()
)

// value decodes n into v. enum lists the words that v may hold, separated by spaces; empty: any.
func (d *decoder) value(key string, n ast.Node, v reflect.Value, enum string) {
	n = d.resolve(key, n)
	if n == nil || n.Type() == ast.NullType {
		return
	}
	if key != "" {
		d.origins[key] = origin{line: lineOf(n), env: d.env}
	}
	switch {
	case v.Type() == typeSecret:
		d.scalar(key, n, v, enum)
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(newWithDefaults(v.Type().Elem()))
		}
		d.value(key, n, v.Elem(), enum)
	case v.Kind() == reflect.Struct:
		d.section(key, n, v)
	case v.Kind() == reflect.Slice:
		d.list(key, n, v)
	case v.Kind() == reflect.Map:
		d.mapping(key, n, v)
	default:
		d.scalar(key, n, v, enum)
	}
}

// resolve follows anchors, aliases and tags to the node that holds the value.
func (d *decoder) resolve(key string, n ast.Node) ast.Node {
	for range 100 {
		switch t := n.(type) {
		case *ast.AnchorNode:
			d.anchors[t.Name.String()] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := d.anchors[t.Value.String()]
			if !ok {
				d.faultAt(key, n, "there is no anchor &%s before this alias", t.Value.String())
				return nil
			}
			n = target
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	d.faultAt(key, n, "an alias that leads back to itself")
	return nil
}

func newWithDefaults(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	if s, ok := p.Interface().(defaulter); ok {
		s.setDefaults()
	}
	return p
}

func (d *decoder) section(key string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.faultAt(key, n, "expected keys (%s), got %s", strings.Join(keysOf(v.Type()), ", "), describe(n))
		return
	}
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		name := keyText(it.Key())
		child := join(key, name)
		if seen[name] {
			d.faultAt(child, it.Key(), "given twice in one section; leave one out")
			continue
		}
		if it.Key().IsMergeKey() {
			d.faultAt(key, it.Key(), "merge keys (<<) are not supported; write the keys out")
			continue
		}
		if field, enum, ok := fieldOf(v, name); ok {
			if field.Type() == typeSecret && seen[name+fileSuffix] {
				d.faultAt(child, it.Key(), "set together with %s; give one of them", join(key, name+fileSuffix))
			}
			seen[name] = true
			d.value(child, it.Value(), field, enum)
			continue
		}
		if field, ok := secretFile(v, name); ok {
			if twin := strings.TrimSuffix(name, fileSuffix); seen[twin] {
				d.faultAt(child, it.Key(), "set together with %s; give one of them", join(key, twin))
			}
			seen[name] = true
			d.secretFromFile(child, it.Value(), field)
			continue
		}
		d.faultAt(child, it.Key(), "%s", unknown("key", name, keysOf(v.Type())))
	}
}

func (d *decoder) list(key string, n ast.Node, v reflect.Value) {
	elem := v.Type().Elem()
	if s, ok := n.(*ast.SequenceNode); ok {
		items := reflect.MakeSlice(v.Type(), 0, len(s.Values))
		for i, item := range s.Values {
			if text, ok := splitAddress(item); ok && elem.Kind() == reflect.String {
				item = text
			}
			p := newWithDefaults(elem)
			d.value(fmt.Sprintf("%s[%d]", key, i), item, p.Elem(), "")
			items = reflect.Append(items, p.Elem())
		}
		v.Set(items)
		return
	}
	if _, ok := n.(ast.ScalarNode); ok && elem.Kind() == reflect.String {
		// One text, as it comes out of a placeholder, is a list with commas.
		if text, _, ok := d.text(key, n); ok {
			v.Set(reflect.ValueOf(splitList(text)))
		}
		return
	}
	d.faultAt(key, n, "expected a list, got %s", describe(n))
}

// splitAddress puts together an address that the library's scanner took apart: within braces it reads [127.0.0.1:9092] as a mapping of
// 127.0.0.1 to 9092, although YAML wants a space after a mapping's colon there.
func splitAddress(n ast.Node) (ast.Node, bool) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		m2, ok := n.(*ast.MappingValueNode)
		if !ok {
			return nil, false
		}
		m = &ast.MappingNode{Values: []*ast.MappingValueNode{m2}}
	}
	if len(m.Values) != 1 {
		return nil, false
	}
	entry := m.Values[0]
	key, colon, value := entry.Key.GetToken(), entry.Start, entry.Value.GetToken()
	if _, ok := entry.Value.(ast.ScalarNode); !ok || colon == nil || value.Position.Offset != colon.Position.Offset+1 {
		return nil, false
	}
	whole := *key
	whole.Value = key.Value + ":" + value.Value
	return ast.String(&whole), true
}

func splitList(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

func (d *decoder) mapping(key string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.faultAt(key, n, "expected names with values (name: value), got %s", describe(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for it := m.MapRange(); it.Next(); {
		name := keyText(it.Key())
		if v.MapIndex(reflect.ValueOf(name)).IsValid() {
			d.faultAt(join(key, name), it.Key(), "given twice in one section; leave one out")
			continue
		}
		p := reflect.New(v.Type().Elem())
		d.value(join(key, name), it.Value(), p.Elem(), "")
		v.SetMapIndex(reflect.ValueOf(name), p.Elem())
	}
}

func (d *decoder) scalar(key string, n ast.Node, v reflect.Value, enum string) {
	text, shown, ok := d.text(key, n)
	if !ok {
		return
	}
	if err := setScalar(v, text, enum); err != nil {
		if v.Type() == typeSecret {
			shown = hidden
		}
		d.faultAt(key, n, "%v, got %q", err, shown)
	}
}

// text returns a scalar's text with its placeholders filled in, and the text to show of it: where there were placeholders, the
// text with them, as what they stand for may be secret.
func (d *decoder) text(key string, n ast.Node) (text, shown string, ok bool) {
	switch s := n.(type) {
	case *ast.LiteralNode:
		text = s.Value.Value
	case *ast.StringNode:
		text = s.Value
	case ast.ScalarNode:
		text = s.GetToken().Value
	default:
		d.faultAt(key, n, "expected a single value, got %s", describe(n))
		return "", "", false
	}
	if o, ok := d.origins[key]; ok && strings.Contains(text, "${") {
		o.raw = text
		d.origins[key] = o
	}
	filled, err := fill(text, d.environ, readSecretFile)
	if err != nil {
		d.faultAt(key, n, "%v", err)
		return "", "", false
	}
	return filled, text, true
}

func setScalar(v reflect.Value, text, enum string) error {
	switch {
	case v.Type() == typeSecret:
		v.Set(reflect.ValueOf(NewSecret(text)))
	case v.Type() == typeDuration:
		x, err := ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(x))
	case v.Type() == typeSize:
		x, err := parseSize(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(x))
	case v.Kind() == reflect.Bool:
		x, err := parseBool(text)
		if err != nil {
			return err
		}
		v.SetBool(x)
	case v.Kind() == reflect.Int:
		x, err := parseInt(text)
		if err != nil {
			return err
		}
		v.SetInt(x)
	case v.Kind() == reflect.String:
		if words := strings.Fields(enum); len(words) > 0 && !slices.Contains(words, text) {
			if n, ok := nearest(text, words); ok {
				return fmt.Errorf("expected one of %s (did you mean %q?)", strings.Join(words, ", "), n)
			}
			return fmt.Errorf("expected one of %s", strings.Join(words, ", "))
		}
		v.SetString(text)
	default:
		panic("config: a key of type " + v.Type().String())
	}
	return nil
}

func describe(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "keys"
	case *ast.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func keyText(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	return k.GetToken().Value
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

const fileSuffix = "_file"

func (d *decoder) secretFromFile(key string, n ast.Node, v reflect.Value) {
	n = d.resolve(key, n)
	if n == nil || n.Type() == ast.NullType {
		return
	}
	d.origins[strings.TrimSuffix(key, fileSuffix)] = origin{line: lineOf(n), env: d.env}
	path, _, ok := d.text(key, n)
	if !ok {
		return
	}
	text, err := readSecretFile(path)
	if err != nil {
		d.faultAt(key, n, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(NewSecret(text)))
}

// readSecretFile returns a file's text without the line end that editors leave.
func readSecretFile(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
