package processor

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

// What is unpacked is what was packed, with every field there and with each alone.
func TestPackedContexts(t *testing.T) {
	number, zero := uint64(1<<63+5), uint64(0)
	whole := schema.Context{
		TransactionID: &number, CorrelationID: "r-1", RequestID: "r-2", TraceID: "t", OnBehalfOf: "b", Initiator: "user", Service: "shop", IP: "203.0.113.9",
		User:      schema.User{ID: "u", Name: "Ünal", Email: "u@example.org", AccountID: "a", Roles: []string{"editor", "", strings.Repeat("r", 300)}},
		UserAgent: strings.Repeat("Mozilla/5.0 ", 20), Reason: "why", VersionName: "v1",
		Timestamp: time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC), Extra: json.RawMessage(`{"a": 1}`),
	}
	contexts := []schema.Context{{}, whole,
		{TransactionID: &zero}, {User: schema.User{Roles: []string{}}}, {Extra: json.RawMessage{}},
		{Timestamp: time.Unix(-62135596800+1, 5).UTC()}, {Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	all := reflect.ValueOf(whole)
	for i := range all.NumField() {
		var one schema.Context
		reflect.ValueOf(&one).Elem().Field(i).Set(all.Field(i))
		contexts = append(contexts, one)
	}
	for _, want := range contexts {
		packed := packContext(nil, &want)
		if len(packed) == 0 {
			t.Fatalf("%+v is packed as nothing", want)
		}
		if got := unpackContext(packed); !reflect.DeepEqual(*got, want) {
			t.Errorf("got %+v, want %+v", *got, want)
		}
	}
}
