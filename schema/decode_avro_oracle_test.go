package schema

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"dossier/test/stack/corpus"
)

// TestAvroAgreesWithGoavro reads every recorded record with another library, both without the notes that Connect made in the schemas, and
// compares what they found.
func TestAvroAgreesWithGoavro(t *testing.T) {
	type pair struct {
		codec *goavro.Codec
		node  *avroNode
	}
	pairs := make(map[uint32]pair)
	for id, text := range corpusSchemas(t).(schemaMap) {
		bare := bareSchema(t, text)
		codec, err := goavro.NewCodec(bare)
		if err != nil {
			t.Fatalf("schema %d: %v", id, err)
		}
		node, err := parseAvroSchema(bare)
		if err != nil {
			t.Fatalf("schema %d: %v", id, err)
		}
		pairs[uint32(id)] = pair{codec, node}
	}
	n := 0
	for _, r := range corpusRecords(t, corpus.Avro) {
		for _, data := range [][]byte{r.Key, r.Value} {
			if data == nil {
				continue
			}
			p := pairs[binary.BigEndian.Uint32(data[1:5])]
			native, rest, err := p.codec.NativeFromBinary(data[5:])
			if err != nil || len(rest) != 0 {
				t.Fatalf("%s offset %d: goavro: %v, %d bytes left", r.Topic, r.Offset, err, len(rest))
			}
			s := avroScanner{data: data, pos: 5}
			got, err := s.append(nil, p.node)
			if err == nil {
				err = s.end()
			}
			if err != nil {
				t.Fatalf("%s offset %d: %v", r.Topic, r.Offset, err)
			}
			if want := nativeJSON(p.node, native); string(got) != want {
				t.Fatalf("%s offset %d:\n got %s\nwant %s", r.Topic, r.Offset, got, want)
			}
			skipping := avroScanner{data: data, pos: 5}
			if err := skipping.skip(p.node); err != nil || skipping.pos != len(data) {
				t.Fatalf("%s offset %d: skipping ends at %d of %d bytes: %v", r.Topic, r.Offset, skipping.pos, len(data), err)
			}
			n++
		}
	}
	if n < 500 {
		t.Errorf("only %d records compared", n)
	}
}

// TestTrap23DecimalsWithDefaults: a default of bytes, which other readers of schemas stumble over, is no obstacle, and understood.
func TestTrap23DecimalsWithDefaults(t *testing.T) {
	found := 0
	for id, text := range corpusSchemas(t).(schemaMap) {
		n, err := parseAvroSchema(text)
		if err != nil {
			t.Errorf("schema %d: %v", id, err)
			continue
		}
		before := n.field("before")
		if before == nil || before.node.typ != wireUnion {
			continue
		}
		for _, c := range before.node.branches[1].columns {
			if c.name == "with_default" && c.typ.kind == kindDecimal {
				found++
				if string(c.def) != `"4.5000"` || !c.required {
					t.Errorf("schema %d: default %s, required %v", id, c.def, c.required)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no decimal with a default: the recording does not show the trap")
	}
}

func TestTrap24DecimalsKeepTheirScale(t *testing.T) {
	r := decodeScenario(t, corpus.Avro, "numbers")
	r.equal("a default of 4.5 with scale 4", string(r.of("numbers")[0].After.Get("with_default").JSON), `"4.5000"`)
}

func TestTrap25OneAllocationPerRecord(t *testing.T) {
	for _, f := range corpus.Formats() {
		r := decodeScenario(t, f, "crud")
		update := r.raw(r.of("product", OpUpdate)[0])
		var c Change
		allocs := testing.AllocsPerRun(200, func() {
			if err := r.decoder.Change(t.Context(), update, &c); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > 1 {
			t.Errorf("%s: %v allocations to decode an update, want 1", f, allocs)
		}
	}
}

// bareSchema returns a schema without defaults, logical types and Connect's notes.
func bareSchema(t *testing.T, text string) string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				strip(e)
			}
		case map[string]any:
			for k, e := range v {
				if k == "default" || k == "logicalType" || strings.HasPrefix(k, "connect.") {
					delete(v, k)
				} else {
					strip(e)
				}
			}
		}
	}
	strip(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// nativeJSON writes goavro's native form as canonical JSON.
func nativeJSON(n *avroNode, v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float32:
		return string(appendFloat(nil, float64(v), 32))
	case float64:
		return string(appendFloat(nil, v, 64))
	case string:
		return string(AppendString(nil, v))
	case []byte:
		return `"` + base64.StdEncoding.EncodeToString(v) + `"`
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = nativeJSON(n.elem, e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		if n.typ == wireUnion {
			for name, e := range v {
				for _, b := range n.branches {
					if b.name == name || b.name == "" && name == [...]string{"null", "boolean", "int", "float", "double", "bytes", "string", "fixed", "enum", "array", "map", "record"}[b.typ] ||
						b.typ == wireInt && name == "long" {
						return nativeJSON(b, e)
					}
				}
				panic("no branch " + name)
			}
		}
		var parts []string
		for k, e := range v {
			elem := n.elem
			if n.typ == wireRecord {
				elem = n.field(k).node
			}
			parts = append(parts, string(AppendString(nil, k))+":"+nativeJSON(elem, e))
		}
		slices.SortFunc(parts, func(a, b string) int {
			return strings.Compare(a[:strings.Index(a, `":`)+1], b[:strings.Index(b, `":`)+1])
		})
		return "{" + strings.Join(parts, ",") + "}"
	}
	panic(fmt.Sprintf("goavro gives %T", v))
}
