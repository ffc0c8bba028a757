// Package query is the read side: histories, an entity as it was, differences, named versions, search, what a request changed, and counts.
//
// Service thinks; a Store finds. A store answers typed filters (see Filter) over version documents and knows nothing of what they mean, so that
// every store gives the same answers. Nothing that a caller sends is ever pasted into a store's own language.
//
// A Store is bound to one caller and shows what that caller may see: there is no second check here, and no way around it.
package query
