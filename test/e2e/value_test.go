package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// expected returns a cell's value as the contract says that documents hold it, in the normal form of normal; "null" for NULL.
func (c cell) expected() string {
	if c.Text == nil {
		return "null"
	}
	if element, ok := strings.CutSuffix(c.Type, "[]"); ok {
		return expectedArray(element, *c.Text)
	}
	return expectedScalar(c.Type, *c.Text)
}

func expectedScalar(typ, text string) string {
	switch typ {
	case "boolean":
		return strconv.FormatBool(text == "t" || text == "true")
	case "smallint", "integer", "bigint":
		return text
	case "double precision", "real":
		if f, err := strconv.ParseFloat(text, 64); err == nil && text != "NaN" && !strings.HasSuffix(text, "Infinity") {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	case "timestamp without time zone":
		text = strings.Replace(text, " ", "T", 1)
	case "timestamp with time zone":
		if !strings.HasSuffix(text, "infinity") {
			text = strings.Replace(strings.TrimSuffix(text, "+00"), " ", "T", 1) + "Z"
		}
	case "date":
		if year, bc := strings.CutSuffix(text, " BC"); bc { // 1 BC is the year 0 of ISO 8601
			y, rest, _ := strings.Cut(year, "-")
			n, _ := strconv.Atoi(y)
			text = fmt.Sprintf("%05d-%s", 1-n, rest)
		}
	case "bytea":
		raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		if err != nil {
			return fmt.Sprintf("the test cannot read %s %.40q: %v", typ, text, err)
		}
		text = base64.StdEncoding.EncodeToString(raw)
	}
	return quote(text)
}

// expectedArray reads an array as PostgreSQL's to_json writes it.
func expectedArray(element, text string) string {
	var elements []json.RawMessage
	if err := json.Unmarshal([]byte(text), &elements); err != nil {
		return fmt.Sprintf("the test cannot read %s[] %.40q: %v", element, text, err)
	}
	for i, e := range elements {
		if string(e) == "null" {
			continue
		}
		var s string
		if json.Unmarshal(e, &s) != nil {
			s = string(e) // a number or a boolean
		}
		elements[i] = json.RawMessage(expectedScalar(element, s))
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e)
	}
	return b.String() + "]"
}

// normal returns a JSON value in one normal form: compact, strings with the fewest escapes, integers with all their digits, other
// numbers as the shortest that is the same float. Whether a value is a number, a string or null stays visible.
func normal(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Sprintf("not JSON: %.80q", raw)
	}
	return normalValue(v)
}

func normalValue(v any) string {
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return v.String()
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	case string:
		return quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = normalValue(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestExpectedValues(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"bigint", "9007199254740993", "9007199254740993"},
		{"boolean", "t", "true"},
		{"boolean", "f", "false"},
		{"numeric", "99.50", `"99.50"`},
		{"real", "0.1", "0.1"},
		{"double precision", "1e+20", "1e+20"},
		{"double precision", "NaN", `"NaN"`},
		{"timestamp without time zone", "2026-11-23 02:43:54.38", `"2026-11-23T02:43:54.38"`},
		{"timestamp with time zone", "2026-11-23 02:43:54+00", `"2026-11-23T02:43:54Z"`},
		{"timestamp with time zone", "infinity", `"infinity"`},
		{"date", "0044-03-15 BC", `"-0043-03-15"`},
		{"date", "2026-02-28", `"2026-02-28"`},
		{"bytea", `\x00ff`, `"AP8="`},
		{"jsonb", `{"a": 1.50}`, `"{\"a\": 1.50}"`},
		{"text[]", `["a","<b>",null]`, `["a","<b>",null]`},
		{"numeric[]", `[1.50,2]`, `["1.50","2"]`},
	} {
		if got := (cell{Type: c.typ, Text: &c.text}).expected(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.typ, c.text, got, c.want)
		}
		if got := normal([]byte(c.want)); got != c.want {
			t.Errorf("normal(%s) = %s", c.want, got)
		}
	}
}
