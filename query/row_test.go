package query

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestRowKeepsOrderAndBytes(t *testing.T) {
	text := `{"z":1,"a":9007199254740993,"big":1.50e10,"n":null,"s":"<&> \"x\"","o":{"b":[1, 2],"a":{}},"":true,"ü\n":""}`
	var row Row
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		t.Fatal(err)
	}
	got, err := row.MarshalJSON()
	if err != nil || string(got) != text {
		t.Errorf("got  %s, %v\nwant %s", got, err, text)
	}
	if v, ok := row.Get("a"); !ok || string(v) != "9007199254740993" {
		t.Errorf("a: got %s, %v", v, ok)
	}
	if _, ok := row.Get("b"); ok {
		t.Error("b is no field of the row")
	}
	for _, bad := range []string{`[]`, `{"a":}`, `{"a":1`, `1`} {
		if err := new(Row).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s: read as a row", bad)
		}
	}
}

// An answer written with the settings that HTTP uses is read back as it was: nothing is lost that the types can say.
func TestAnswersDecodeWhatTheyEncode(t *testing.T) {
	for _, answer := range []any{
		&State{Status: StatusPresent, Row: Row{}, States: map[string]string{"a": "masked"}},
		&State{Status: StatusPresent, Row: Row{{"id", json.RawMessage("1")}, {"x", json.RawMessage("null")}, {"y", json.RawMessage(`"<"`)}}},
		&State{Status: StatusDeleted},
		&Change{Kind: KindChange, Changes: []FieldChange{
			{Field: "a", Previous: json.RawMessage("null"), Current: json.RawMessage("1")},
			{Field: "b", PreviousState: "absent", CurrentState: "masked"},
			{Field: "c", Previous: json.RawMessage("2"), PreviousDerivedFrom: "e", Current: json.RawMessage("null")},
		}},
	} {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(answer); err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(answer).Elem()).Interface()
		if err := json.Unmarshal(b.Bytes(), back); err != nil {
			t.Fatalf("%s: %v", b.Bytes(), err)
		}
		if !reflect.DeepEqual(answer, back) {
			t.Errorf("%s\ngot  %+v\nwant %+v", b.Bytes(), back, answer)
		}
	}
}
