package schema

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// The second row image of an update is read with the help of the first: whatever the two look like, it must come out as if it stood alone, and what is
// no JSON must stay an error.
func TestSecondImage(t *testing.T) {
	const mixed = `"id":1,"name":"a\u0041\n","price":"1.50","n":12,"f":1.50,"o":{"a":[1, 2]},"u":"__debezium_unavailable_value","z":null`
	for _, c := range []struct{ name, before, after string }{
		{"the same", mixed, mixed},
		{"a number that begins like the other", `"id":1,"n":12`, `"id":1,"n":1`},
		{"a number that goes on", `"id":1,"n":1`, `"id":1,"n":12`},
		{"a number with an exponent", `"id":1,"n":1`, `"id":1,"n":1e3`},
		{"the last of several changed", mixed, strings.Replace(mixed, `"z":null`, `"z":0`, 1)},
		{"the first changed", mixed, strings.Replace(mixed, `"id":1`, `"id":2`, 1)},
		{"a column less", mixed, strings.Replace(mixed, `"price":"1.50",`, ``, 1)},
		{"a column more", mixed, strings.Replace(mixed, `"price":`, `"new":{"x":1},"price":`, 1)},
		{"another order", `"id":1,"name":"x","n":1`, `"name":"x","id":1,"n":1`},
		{"a name twice", `"id":1,"id":1`, `"id":1,"id":1,"id":2`},
		{"white space", `"id":1 , "name" : "x"`, `"id":1 , "name" : "x"`},
		{"white space in one", `"id":1 ,"name":"x"`, `"id":1,"name":"x"`},
		{"white space in the other", `"id":1,"name":"x"`, "\n\"id\":1,\n\"name\":\"x\" "},
		{"two commas", `"id":1 ,"name":"x"`, `"id":1,,"name":"x"`},
		{"a comma too many", `"id":1,"name":"x"`, `"id":1,"name":"x",`},
		{"no comma", `"id":1,"name":"x"`, `"id":1"name":"x"`},
		{"a comma first", `"id":1,"name":"x"`, `,"id":1,"name":"x"`},
		{"empty", `"id":1`, ``},
		{"empty before", ``, `"id":1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			const rest = `"source":{"name":"shop","connector":"postgresql","ts_ms":1,"schema":"public","table":"t","txId":7,"lsn":9},"op":"u","ts_ms":2}`
			decode := func(d *Decoder, before string) (Row, error) {
				var change Change
				rec := &Record{Topic: "shop.public.t", Key: []byte(`{"id":1}`), Value: fmt.Appendf(nil, `{"before":%s,"after":{%s},%s`, before, c.after, rest)}
				err := d.Change(context.Background(), rec, &change)
				return change.After, err
			}
			d := NewDecoder(DecoderConfig{Source: "shop"})
			for range 3 { // the first time the table is new
				want, wantErr := decode(NewDecoder(DecoderConfig{Source: "shop"}), "null")
				got, err := decode(d, "{"+c.before+"}")
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
					t.Fatalf("got %v, %v\nwant %v, %v", got, err, want, wantErr)
				}
			}
		})
	}
}

// What is taken over from the first image is what that image holds now, not what an earlier record held.
func TestSecondImageOfManyRecords(t *testing.T) {
	d := NewDecoder(DecoderConfig{Source: "shop"})
	var change Change
	for i := range 100 {
		before := fmt.Sprintf(`{"id":%d,"name":"%s","f":%d.50}`, i, strings.Repeat("x", i%7), i)
		after := strings.Replace(before, "x", "y", 1)
		value := fmt.Appendf(nil, `{"before":%s,"after":%s,"source":{"name":"shop","connector":"postgresql","ts_ms":1,"schema":"public","table":"t%d","txId":7,"lsn":9},"op":"u","ts_ms":2}`,
			before, after, i%3)
		if err := d.Change(context.Background(), &Record{Topic: "shop.x", Key: fmt.Appendf(nil, `{"id":%d}`, i), Value: value}, &change); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			row  Row
			want string
		}{{change.Before, before}, {change.After, after}} {
			if got := string(appendRowMember(nil, "", row.row)); got != strings.ReplaceAll(row.want, ".50", ".5") && got != row.want {
				t.Fatalf("record %d: got %s, want %s", i, got, row.want)
			}
		}
	}
}
