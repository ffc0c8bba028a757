package requestcontext_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/requestcontext"
	"dossier/schema"
)

// What applications send is what Dossier reads, field by field. This package does not import schema, so that applications need
// not either; here the two meet.
func TestDossierReadsWhatIsSent(t *testing.T) {
	sent := requestcontext.Context{TransactionID: 1<<64 - 1, CorrelationID: "c", RequestID: "r", TraceID: "t",
		User:       requestcontext.User{ID: "u", Name: "Zoë 😀", Email: "e", AccountID: "a", Roles: []string{"x", "y"}},
		OnBehalfOf: "o", Initiator: requestcontext.InitiatorSystem, Service: "s", IP: "2001:db8::1", UserAgent: "ua",
		Reason: `'why' "\` + "\n", VersionName: "v", Timestamp: time.Date(2026, 11, 23, 2, 43, 54, 384552001, time.UTC),
		Extra: map[string]any{"order": json.Number("9007199254740993")}}
	message, err := sent.Encode()
	must(t, err)
	got, err := schema.ParseContext(message)
	must(t, err)
	id := sent.TransactionID
	want := schema.Context{TransactionID: &id, CorrelationID: sent.CorrelationID, RequestID: sent.RequestID, TraceID: sent.TraceID,
		User: schema.User(sent.User), OnBehalfOf: sent.OnBehalfOf, Initiator: sent.Initiator, Service: sent.Service, IP: sent.IP,
		UserAgent: sent.UserAgent, Reason: sent.Reason, VersionName: sent.VersionName, Timestamp: sent.Timestamp,
		Extra: json.RawMessage(`{"order":9007199254740993}`)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sent %s\nread %+v\nwant %+v", message, got, want)
	}
	// A field that is added to one of the two must be added to the other, and here.
	for i := range reflect.TypeFor[requestcontext.Context]().NumField() {
		if reflect.ValueOf(sent).Field(i).IsZero() {
			t.Errorf("field %s is not tried here", reflect.TypeFor[requestcontext.Context]().Field(i).Name)
		}
	}
	if a, b := reflect.TypeFor[requestcontext.Context]().NumField(), reflect.TypeFor[schema.Context]().NumField(); a != b {
		t.Errorf("an application can send %d fields, Dossier reads %d", a, b)
	}
}

// The largest message must be one that Dossier still reads.
func TestDossierReadsTheLargest(t *testing.T) {
	sent := requestcontext.Context{UserAgent: strings.Repeat("漢", 1<<20), Extra: map[string]any{"x": strings.Repeat("y", 30<<10)}}
	message, err := sent.Encode()
	must(t, err)
	if _, err := schema.ParseContext(message); err != nil || requestcontext.MaxMessage > schema.MaxContextSize {
		t.Errorf("%d bytes: %v", len(message), err)
	}
}
