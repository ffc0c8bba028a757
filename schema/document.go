package schema

import "time"

// DocumentKind is what a version document tells.
type DocumentKind string

const (
	// DocumentFieldChange is one attribute's change.
	DocumentFieldChange DocumentKind = "field_change"
	// DocumentRowVersion is the row before and after one change.
	DocumentRowVersion DocumentKind = "row_version"
	// DocumentTruncate is the emptying of a table.
	DocumentTruncate DocumentKind = "truncate"
	// DocumentAttribution is the evidence that a change's context came late. It is found under the change's event id, beside the
	// documents that it completes.
	DocumentAttribution DocumentKind = "attribution"
	// DocumentNamedVersion says that an entity, as it was at a time, belongs to a named version.
	DocumentNamedVersion DocumentKind = "named_version"
	// DocumentFeedback is what a connected application or a person said of an entity, a named version or a change.
	DocumentFeedback DocumentKind = "feedback"
	// DocumentTransaction says how many changes the database reports for one transaction, so that what is stored can be compared.
	DocumentTransaction DocumentKind = "transaction"
)

// DefaultScope is the scope of what the configuration gives no other.
const DefaultScope = "default"

// ValidScope says whether a scope's name can stand in the names of indices and aliases without meeting another scope's: 1 to 60 lower-case
// letters, digits, "-" and "_", beginning with a letter or digit, and without "-v" and a digit after it, which begins the
// version in the names of indices.
func ValidScope(name string) bool {
	if name == "" || len(name) > 60 || name[0] == '-' || name[0] == '_' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
		if i >= 2 && '0' <= c && c <= '9' && name[i-2:i] == "-v" {
			return false
		}
	}
	return true
}

// Document is a version document, what a store keeps and people query: see docs/documents.md.
type Document struct {
	Kind     DocumentKind
	Time     time.Time // commit time
	Created  time.Time // when the connector read the change
	Ingested time.Time // when the sink stored the document
	EventID  string    // the change event's id, also on an attribution
	Action   Action
	Scope    string
	Entity   DocumentEntity
	// PairID is the event id of the other half of a changed key; "" otherwise.
	PairID string
	// Context is nil on snapshot rows.
	Context     *EventContext
	VersionName string

	Change FieldChange // on a field change
	// Fields names the changed fields, on a row version: those that have a field change of their own.
	Fields        []string
	Before, After Row // on a row version; nil where there is no image

	NamedVersion *NamedVersion      // on a named version
	Feedback     *Feedback          // on feedback
	Transaction  *TransactionCounts // on a transaction

	CDC CDC // Connector and Snapshot are not kept
}

// DocumentEntity is what a document concerns.
type DocumentEntity struct {
	EntityRef
	Parent             *EntityRef
	NextID, PreviousID string // link the row versions of a changed key
}

// DocumentRef says where a document stands: enough to find it without a search.
type DocumentRef struct {
	Index string
	ID    string
}

// Ref returns where the document stands.
func (d *Document) Ref() DocumentRef { return DocumentRef{d.Index(), d.ID()} }

// ID returns the document's identity. It follows from the change, its kind and its field, so that a second delivery finds
// the document of the first. A named version's also follows from the entity: one change may name a version of another entity than its own,
// and its own as well.
func (d *Document) ID() string {
	if d.Kind == DocumentNamedVersion {
		return NamedVersionDocumentID(d.EventID, d.Entity.EntityRef)
	}
	return DocumentID(d.EventID, d.Kind, d.Change.Field)
}

// Index returns the name of the index that the document stands in.
func (d *Document) Index() string { return DocumentIndex(d.Scope, d.Time) }

// DocumentID returns the identity of an event's document of any kind but a named version. field is empty but for a field change.
//
// It is the event's id with an ending that tells its documents apart, such as "LLqdYZIC5afCmD-mnnSnJg.f.price": what lies beside its event's id, and
// its event's other documents, takes little space. Where a part has other characters than letters, digits, "_" and "-", or very many, it is a hash of all.
func DocumentID(eventID string, kind DocumentKind, field string) string {
	letter := kindLetters[kind]
	if letter == "" || !plainPart(eventID) || kind == DocumentFieldChange && !plainPart(field) {
		return DerivedID(eventID, string(kind), field)
	}
	id := eventID + "." + letter
	if kind == DocumentFieldChange {
		return id + "." + field
	}
	return id
}

// kindLetters are the endings of identities.
var kindLetters = map[DocumentKind]string{
	DocumentRowVersion: "r", DocumentFieldChange: "f", DocumentTruncate: "t", DocumentAttribution: "a", DocumentFeedback: "b", DocumentTransaction: "c",
}

// NamedVersionDocumentID returns the identity of the document that says, by an event, that an entity belongs to a named version.
func NamedVersionDocumentID(eventID string, entity EntityRef) string {
	return DerivedID(eventID, string(DocumentNamedVersion), entity.Type, entity.ID)
}

// maxPlainPart bounds the parts of an identity. Elasticsearch takes 512 bytes in all.
const maxPlainPart = 100

// plainPart says whether a text can be a part of an identity as it is.
func plainPart(s string) bool {
	if s == "" || len(s) > maxPlainPart {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// DocumentIndex returns the name of the index for a scope and a commit time, such as "dossier-default-v1-2026.11". The month is UTC's
// and comes from the commit time, so that a replay or a migration finds its own document again.
func DocumentIndex(scope string, commit time.Time) string {
	if scope == "" {
		scope = DefaultScope
	}
	var stack [64]byte
	b := append(stack[:0], "dossier-"...)
	b = append(b, scope...)
	b = append(b, "-v1-"...)
	return string(commit.UTC().AppendFormat(b, "2006.01"))
}

// ClearContext returns the document without what its context gave: what it says of the data alone.
func (d Document) ClearContext() Document {
	d.Context, d.VersionName = nil, ""
	return d
}
