package schema

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

const plainUpdate = `{"before":{"id":1,"name":"Bolt M8","price":"1.50","note":null,"updated_at":"2026-11-23T02:43:54.384552Z","weight":0.25},` +
	`"after":{"id":1,"name":"Bolt M8","price":"99.50","note":"caf\u00e9 \/ \"x\"","updated_at":"2026-11-23T02:44:01.1Z","weight":2.50e-1},` +
	`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":1795401834384,"snapshot":"false","db":"shop",` +
	`"sequence":"[\"26375504\",\"26375672\"]","ts_us":1795401834384552,"ts_ns":1795401834384552000,"schema":"public","table":"product",` +
	`"txId":728,"lsn":26375672,"xmin":null},"transaction":{"id":"728:26375672","total_order":2,"data_collection_order":1},` +
	`"op":"u","ts_ms":1795401834700,"ts_us":1795401834700123,"ts_ns":1795401834700123456}`

func rowText(row Row) string {
	if row == nil {
		return "nil"
	}
	var b strings.Builder
	for _, f := range row {
		fmt.Fprintf(&b, "%s=", f.Name)
		if json := f.Value.JSON; f.Value.State == Present && len(json) > 400 {
			// Long values would fill the golden files.
			fmt.Fprintf(&b, "%s… (%d bytes, CRC %08x)", json[:20], len(json), crc32.ChecksumIEEE(json))
		} else if f.Value.State == Present {
			b.Write(json)
		} else {
			b.WriteString(f.Value.State.String())
		}
		b.WriteByte(' ')
	}
	return strings.TrimSuffix(b.String(), " ")
}

func TestJSONChange(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	rec := &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(plainUpdate)}
	var c Change
	for range 2 {
		if err := d.Change(t.Context(), rec, &c); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct{ what, got, want string }{
			{"key", rowText(c.Key), "id=1"},
			{"before", rowText(c.Before), `id=1 name="Bolt M8" price="1.50" note=null updated_at="2026-11-23T02:43:54.384552Z" weight=0.25`},
			{"after", rowText(c.After), `id=1 name="Bolt M8" price="99.50" note="café / \"x\"" updated_at="2026-11-23T02:44:01.1Z" weight=0.25`},
			{"source", c.Source + " " + c.Connector + " " + c.Database + " " + c.Schema + " " + c.Table, "shop postgresql shop public product"},
			{"op", string(c.Op), "u"},
			{"coordinates", c.Coordinates, "26375672"},
			{"position", c.Position, FormatPosition(26375504, 26375672, 2)},
			{"commit", c.CommitTime.Format("2006-01-02T15:04:05.999999999Z07:00"), "2026-11-23T02:43:54.384552Z"},
			{"captured", c.Captured.Format("2006-01-02T15:04:05.999999999Z07:00"), "2026-11-23T02:43:54.700123456Z"},
			{"tx", fmt.Sprint(c.TxID, c.HasTx, c.TotalOrder, c.CollectionOrder, c.LSN, c.Snapshot == ""), "728 true 2 1 26375672 true"},
		} {
			if x.got != x.want {
				t.Errorf("%s: %s, want %s", x.what, x.got, x.want)
			}
		}
	}
}

func TestJSONRefused(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	for _, x := range []struct{ value, reason string }{
		{``, ReasonTruncated},
		{`[1]`, ReasonNotJSON},
		{`{"a":1}`, ReasonNotAnEnvelope},
		{`{"ts_ms":1}`, ReasonNotAnEnvelope},
		{`{"id":1,"__op":"u","__deleted":"false"}`, ReasonFlattened},
		{`{"specversion":"1.0","id":"x","type":"io.debezium.connector.postgresql.DataChangeEvent","data":{}}`, ReasonCloudEvent},
		{plainUpdate[:len(plainUpdate)/2], ReasonTruncated},
		{strings.Replace(plainUpdate, `"after":{"id":1,`, `"after":{"id":01,`, 1), ReasonNotJSON},
		{strings.Replace(plainUpdate, `"op":"u"`, `"op":"m"`, 1), ReasonNotAnEnvelope},
	} {
		var c Change
		err := d.Change(t.Context(), &Record{Topic: "t", Value: []byte(x.value)}, &c)
		var e *DecodeError
		if !errors.As(err, &e) || e.Reason != x.reason {
			t.Errorf("%.60s: %v, want %s", x.value, err, x.reason)
		}
	}
	var c Change
	if err := d.Change(t.Context(), &Record{Topic: "t"}, &c); err != ErrTombstone {
		t.Errorf("nil value: %v, want ErrTombstone", err)
	}
}

func BenchmarkJSONChange(b *testing.B) {
	d := NewDecoder(DecoderConfig{})
	rec := &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(plainUpdate)}
	var c Change
	b.SetBytes(int64(len(rec.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Change(b.Context(), rec, &c); err != nil {
			b.Fatal(err)
		}
	}
}
