package schema

import (
	"encoding/json"
	"time"
)

// NamedVersion says which state of an entity a named version holds. Its name is the event's or document's VersionName.
//
// A name is given by a request (then all entities named by it share an ID) or by changes themselves: by their context's version name, or by a row of a
// table that is a source of named versions. All that changes name so is one edition, and each request that names is another; editions of
// one name are numbered by the time of their first.
type NamedVersion struct {
	// ID tells editions of one name apart: the same for all that one request named; "" where a change named it.
	ID string
	// AsOf is the time at which the entity's state is meant.
	AsOf time.Time
	// EventID is the change that had made that state, as far as it was known when the name was given; "" otherwise.
	EventID string
}

// Feedback is what a connected application or a person reports on an entity, a named version or a change.
type Feedback struct {
	Application string          // who reports, such as "payments"; required
	Status      string          // a word of the application's own, such as "accepted" or "rejected"; required
	Message     string          // for people
	Payload     json.RawMessage // a JSON object, kept as it came; nil without
	EventID     string          // the change that it is on; "" for feedback on the entity or a version (VersionName)
}

// TransactionCounts is what the database reports of a transaction's end, for one scope.
type TransactionCounts struct {
	// Tables are the numbers of changes by schema.table, those alone that Dossier keeps in this scope.
	Tables []CollectionCount
	// Certain says whether the numbers are of the whole transaction. After a connector was restarted within it, they count only the rest.
	Certain bool
}
