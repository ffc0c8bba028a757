package elastic

import (
	"strconv"

	"dossier/schema"
	"dossier/sink"
)

// item is one document of a bulk request.
type item struct {
	arg        int // its place in the caller's arguments
	ref        schema.DocumentRef
	start, end int // its two lines in the chunk's text
}

// chunk is the documents of one bulk request, and their text as Elasticsearch takes it.
type chunk struct {
	text  []byte
	items []item
	// tainted: a request with this text ended early, and its connection may still be reading from it. Its memory must not be used again.
	tainted bool
}

// create adds a document that must not exist yet.
func (c *chunk) create(arg int, d *schema.Document) {
	c.add(arg, d.Ref(), d, `{"create":{"_index":`, nil)
}

// replace adds a new version of a document. It is sent whole: a partial update would have Elasticsearch read and write the stored
// rows again, which costs large numbers their digits.
func (c *chunk) replace(arg int, r *sink.Replacement) {
	c.add(arg, r.Document.Ref(), &r.Document, `{"index":{"_index":`, &r.Version)
}

func (c *chunk) add(arg int, ref schema.DocumentRef, d *schema.Document, action string, version *sink.Version) {
	start := len(c.text)
	b := append(c.text, action...)
	b = schema.AppendString(b, ref.Index)
	b = append(b, `,"_id":`...)
	b = schema.AppendString(b, ref.ID)
	if version != nil {
		b = append(b, `,"if_seq_no":`...)
		b = strconv.AppendInt(b, version.Sequence, 10)
		b = append(b, `,"if_primary_term":`...)
		b = strconv.AppendInt(b, version.Term, 10)
	}
	b = append(b, "}}\n"...)
	b, _ = d.AppendJSON(b)
	c.text = append(b, '\n')
	c.items = append(c.items, item{arg: arg, ref: ref, start: start, end: len(c.text)})
}

// body returns the text of some of the chunk's items.
func (c *chunk) body(items []item) []byte {
	if len(items) == len(c.items) {
		return c.text
	}
	n := 0
	for _, it := range items {
		n += it.end - it.start
	}
	b := make([]byte, 0, n)
	for _, it := range items {
		b = append(b, c.text[it.start:it.end]...)
	}
	return b
}
