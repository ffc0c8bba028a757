package query

import (
	"context"
	"fmt"
	"time"

	"dossier/schema"
)

// Service answers the questions of the read side for one caller. Its methods take parameters as texts, as HTTP and the command line give them, and
// return a *Error for those that cannot be understood, and for a thing that is not there. Without state of its own it is safe for concurrent use, and
// cheap to make for each request.
type Service struct {
	// Store finds the documents that the caller may see.
	Store Store
	// Now is the clock that relative times such as "-7d" refer to; nil is time.Now.
	Now func() time.Time
}

// PageQuery asks for a page of a list.
type PageQuery struct {
	Limit  int    // items of a page, 1 to MaxLimit; 0: DefaultLimit
	Cursor string // the "next" of the page before; "" for the first page
}

// DefaultLimit is how many items a page has where nobody says.
const DefaultLimit = 50

// HistoryQuery asks what happened to an entity. From and To are times (RFC 3339, a day, "now", or before now such as "-7d"), from From, included, to before To; Field names
// an attribute that the changes must have changed; User is the id, name or e-mail of who made them. Each of these may be "".
type HistoryQuery struct {
	Type, ID              string
	From, To, Field, User string
	PageQuery
}

// StateQuery asks for an entity as it was: at a time (AsOf), in a named version (Version and, unless it is the latest, Edition), at a position of its source's log, or after
// a change (Event). At most one of these is given; without any it is now.
type StateQuery struct {
	Type, ID                                string
	AsOf, Version, Edition, Position, Event string
	Blame                                   bool // also the last change of each field
}

// DiffQuery asks what differs between two states of an entity. A and B are each a time, version:NAME, version:NAME@EDITION, event:ID or position:P; B "" is now.
type DiffQuery struct {
	Type, ID string
	A, B     string
}

// ChildrenQuery asks for the entities whose parent an entity was at a time: those of one type, or of every type where ChildType is "". AsOf "" is now.
type ChildrenQuery struct {
	Type, ID  string
	ChildType string
	AsOf      string
	PageQuery
}

// ChangesQuery searches changes: Q in the language of docs/http-api.md, Order "desc" (or "") or "asc".
type ChangesQuery struct {
	Q, From, To, Order string
	PageQuery
}

// CountsQuery counts the changes that Q, From and To find by what they have in common. Limit 0 is DefaultLimit.
type CountsQuery struct {
	By          string
	Q, From, To string
	Limit       int
}

// RequestQuery asks what one request changed: ID is its request id or correlation id.
type RequestQuery struct {
	ID string
	PageQuery
}

// TransactionQuery asks what one transaction changed. TxID is its number in decimal. Of several that had this number in the course of time it is the one committed nearest to Time, or
// the latest where Time is "".
type TransactionQuery struct {
	Source, TxID string
	Time         string
	PageQuery
}

// VersionQuery asks for the entities of a named version's edition: the latest where Edition is "", those of one type unless Type is "".
type VersionQuery struct {
	Name, Edition, Type string
	PageQuery
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}

// search sends searches to the store, and checks that it kept its promise of one page for each.
func (s *Service) search(ctx context.Context, searches ...Search) ([]Page, error) {
	if len(searches) == 0 {
		return nil, nil
	}
	pages, err := s.Store.Search(ctx, searches...)
	if err != nil {
		return nil, err
	}
	if len(pages) != len(searches) {
		return nil, fmt.Errorf("query: the store answered %d of %d searches", len(pages), len(searches))
	}
	return pages, nil
}

// searchPage finds one page of what the filter finds, and the cursor of the next.
func (s *Service) searchPage(ctx context.Context, p page, filter Filter, order Order) (docs []schema.Document, next string, err error) {
	pages, err := s.search(ctx, p.search(filter, order))
	if err != nil {
		return nil, "", err
	}
	docs, next = p.answer(&pages[0])
	return docs, next, nil
}

// search asks for the page.
func (p *page) search(filter Filter, order Order) Search {
	return Search{Filter: filter, Order: order, After: p.after.key, Limit: p.limit}
}

// answer returns the documents of the page that was found, and the cursor of the next.
func (p *page) answer(found *Page) (docs []schema.Document, next string) {
	if docs = found.Documents; found.More && len(docs) > 0 {
		next = p.next(place{key: keyOf(&docs[len(docs)-1])})
	}
	return docs, next
}

func keyOf(d *schema.Document) *Key {
	k := KeyOf(d)
	return &k
}

func invalid(parameter, format string, args ...any) error {
	return &Error{Code: CodeInvalid, Parameter: parameter, Detail: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Code: CodeNotFound, Detail: fmt.Sprintf(format, args...)}
}
