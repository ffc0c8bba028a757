package schema_test

import (
	"context"
	"fmt"

	"dossier/schema"
)

// A decoder is made once per source; the Change is used again for each record.
func ExampleDecoder_Change() {
	decoder := schema.NewDecoder(schema.DecoderConfig{Types: func(_, table, column string) (schema.ColumnType, bool) {
		t, err := schema.ParseColumnType(map[string]string{"product.made": "date"}[table+"."+column])
		return t, err == nil
	}})
	record := &schema.Record{
		Topic: "shop.public.product",
		Key:   []byte(`{"id":1}`),
		Value: []byte(`{"before":{"id":1,"price":"1.50","made":6338},"after":{"id":1,"price":"99.50","made":6338},` +
			`"source":{"connector":"postgresql","name":"shop","ts_ms":1795401834384,"schema":"public","table":"product","txId":728,"lsn":26375672},"op":"u"}`),
	}
	var change schema.Change
	if err := decoder.Change(context.Background(), record, &change); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(change.Table, schema.EntityID(change.Key), string(change.Op), change.CommitTime.Format("15:04:05.000"))
	for i, f := range change.After {
		if !f.Value.Equal(change.Before[i].Value) {
			fmt.Printf("%s: %s -> %s\n", f.Name, change.Before[i].Value.JSON, f.Value.JSON)
		}
	}
	fmt.Println("made", change.After.Get("made").Text())
	// Output:
	// product 1 u 02:43:54.384
	// price: "1.50" -> "99.50"
	// made 1987-05-10
}
