package query

import (
	"context"

	"dossier/schema"
)

// maxBeside bounds the feedback beside the changes of one page that names no entity.
const maxBeside = MaxLimit

// feedback returns the feedback on the changes of a page that does not name the entity, by the changes' event ids, newest first.
func (h *historian) feedback(ctx context.Context, docs []schema.Document) (map[string][]Change, error) {
	if h.field != "" {
		return nil, nil
	}
	var ids []string
	for i := range docs {
		if d := &docs[i]; d.Kind == schema.DocumentRowVersion || d.Kind == schema.DocumentTruncate {
			ids = append(ids, d.EventID)
			if d.PairID != "" {
				ids = append(ids, d.PairID)
			}
		}
	}
	const atOnce = 100
	beside := map[string][]Change{}
	for begin := 0; begin < len(ids); begin += atOnce {
		f := And{isKind(schema.DocumentFeedback), Equal{FieldFeedbackEvent, ids[begin:min(begin+atOnce, len(ids))]},
			Not{h.life.filter(Ref.of)}}
		if h.user != nil {
			f = append(f, h.user)
		}
		err := h.each(ctx, Search{Filter: f, Order: NewestFirst, Limit: maxBeside}, func(d *schema.Document) {
			if d.Feedback != nil {
				beside[d.Feedback.EventID] = append(beside[d.Feedback.EventID], changeOf(d, nil))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return beside, nil
}
