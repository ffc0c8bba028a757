package demo

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
)

// Note is what one transaction of the corpus did, as triggers in the recorded database wrote it down: the ground truth that the demo's tests
// compare with.
type Note struct {
	Time    time.Time `json:"time"`
	TxID    uint64    `json:"tx_id"`
	Status  string    `json:"status"`            // what its context must be in the end: attached, late, unattributed, ambiguous
	User    string    `json:"user,omitempty"`    // id
	Service string    `json:"service,omitempty"` // the application that acted
	Version string    `json:"version,omitempty"` // the named version that its changes belong to
	// Tables counts the changes by table, Actions by what they are. A row whose key was changed counts twice, under both keys.
	Tables  map[string]int `json:"tables"`
	Actions map[string]int `json:"actions"`
	Fields  int            `json:"fields"` // how many fields got another value
}

// Totals are what Dossier has to say of the whole corpus, added up from the notes.
type Totals struct {
	Baseline      int            `json:"baseline"`       // rows that were there before the connector
	Transactions  int            `json:"transactions"`   // those that changed rows
	Changes       int            `json:"changes"`        // change events: a row whose key was changed has two
	Actions       map[string]int `json:"actions"`        // the same, by action
	Contexts      map[string]int `json:"contexts"`       // the same, by the status that their context has in the end
	Fields        int            `json:"fields"`         // fields that got another value
	Attributions  int            `json:"attributions"`   // changes whose context came late
	NamedVersions int            `json:"named_versions"` // changes of rows that are named versions of what they refer to
	Feedback      int            `json:"feedback"`       // reports of connected applications
	DeadLetters   int            `json:"dead_letters"`   // records that nobody can understand
}

//go:embed corpus/totals.json
var totalsFile []byte

// Expected returns the corpus's totals.
func Expected() (Totals, error) {
	var t Totals
	if err := json.Unmarshal(totalsFile, &t); err != nil {
		return t, fmt.Errorf("the demo's totals: %w", err)
	}
	return t, nil
}
