package schema

import (
	"context"
	"testing"
)

// A deleted row of zeros could be Debezium's filling, unless the table is known to have REPLICA IDENTITY FULL.
func TestSparseDeleteIsBelievedOfTablesWithFullRows(t *testing.T) {
	rec := &Record{Topic: "shop.public.bulk", Key: []byte(`{"id":1}`),
		Value: []byte(`{"before":{"id":1,"payload":"","n":0},"after":null,"op":"d","ts_ms":1,"source":{"connector":"postgresql","name":"shop","ts_ms":1,"schema":"public","table":"bulk","txId":9,"lsn":500,"sequence":"[\"1\",\"500\"]"}}`)}
	for _, full := range []bool{false, true} {
		d := NewDecoder(DecoderConfig{Source: "shop", FullBefore: func(schema, table string) bool { return full && schema == "public" && table == "bulk" }})
		var c Change
		if err := d.Change(context.Background(), rec, &c); err != nil {
			t.Fatal(err)
		}
		want := Unavailable
		if full {
			want = Present
		}
		for _, column := range []string{"payload", "n"} {
			if got := c.Before.Get(column).State; got != want {
				t.Errorf("full %v: %s is %s, want %s", full, column, got, want)
			}
		}
	}
}
