package query

import (
	"slices"

	"dossier/schema"
)

// itemKinds are the documents that stand for the kinds of items. Of a change it is the row version, or the field changes.
var itemKinds = map[string]schema.DocumentKind{
	KindChange:       schema.DocumentRowVersion,
	KindTruncate:     schema.DocumentTruncate,
	KindNamedVersion: schema.DocumentNamedVersion,
	KindFeedback:     schema.DocumentFeedback,
}

// decideKinds finds out what a question wants found: whole changes, field changes, feedback or named versions.
func (q *Question) decideKinds() error {
	var asked, feedback, valued, words *term
	for i := range q.terms {
		t := &q.terms[i]
		switch {
		case t.key == nil:
			q.fields = true
			if words == nil {
				words = t
			}
		case t.key.values() || t.key.sort == fieldKey:
			q.fields = true
			if !t.negated && valued == nil {
				valued = t
			}
		case t.key.feedback() && !t.negated && feedback == nil:
			feedback = t
		case t.key.sort == kindKey:
			kinds, err := kindsOf(t)
			if err != nil {
				return err
			}
			if t.negated {
				q.without = append(q.without, kinds...)
				continue
			}
			q.kinds = append(q.kinds, kinds...)
			if asked == nil {
				asked = t
			}
		}
	}
	switch {
	case asked == nil && feedback != nil:
		q.kinds = []schema.DocumentKind{schema.DocumentFeedback}
		asked = feedback
	case feedback != nil && !slices.Contains(q.kinds, schema.DocumentFeedback):
		return faultAt(feedback.at, "%s: is about feedback, which kind: leaves out: expected kind:feedback, or no kind:", feedback.key.name)
	}
	if asked != nil && valued != nil && !slices.Contains(q.kinds, schema.DocumentRowVersion) {
		return faultAt(valued.at, "%s: is about changes, but the question asks for other kinds alone: expected kind:change, or no kind:", valued.key.name)
	}
	if asked != nil && words != nil && !slices.Contains(q.kinds, schema.DocumentRowVersion) && !slices.Contains(q.kinds, schema.DocumentFeedback) {
		return faultAt(words.at, "words are looked for in changed values and in feedback, but the question asks for other kinds alone: expected a key such as user:, or no kind:")
	}
	if len(q.documentKinds(q.fields)) == 0 {
		return faultAt(q.excluding().at, "no kind is left that could be found")
	}
	return nil
}

// kindsOf returns the kinds that a condition names.
func kindsOf(t *term) ([]schema.DocumentKind, error) {
	var kinds []schema.DocumentKind
	for _, v := range t.values {
		if v.text.anything() {
			for _, name := range t.key.choices {
				kinds = append(kinds, itemKinds[name])
			}
			continue
		}
		name, err := choice(t.key, v)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, itemKinds[name])
	}
	return kinds, nil
}

// excluding returns the first condition that excludes kinds.
func (q *Question) excluding() *term {
	for i := range q.terms {
		if t := &q.terms[i]; t.negated && t.key != nil && t.key.sort == kindKey {
			return t
		}
	}
	return &q.terms[0]
}

// documentKinds returns the kinds of documents to find.
func (q *Question) documentKinds(fieldChanges bool) []schema.DocumentKind {
	wanted := q.kinds
	if wanted == nil {
		wanted = []schema.DocumentKind{schema.DocumentRowVersion}
		if !fieldChanges {
			wanted = append(wanted, schema.DocumentTruncate)
		}
	}
	var kinds []schema.DocumentKind
	for _, k := range wanted {
		if slices.Contains(q.without, k) {
			continue
		}
		if k == schema.DocumentRowVersion && fieldChanges {
			k = schema.DocumentFieldChange
		}
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// finds says whether the question can find documents of an item's kind.
func (q *Question) finds(kind schema.DocumentKind) bool {
	return slices.Contains(q.kinds, kind) && !slices.Contains(q.without, kind)
}
