package query

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"dossier/schema"
)

// maxTurns bounds the pages of the store that are read for one page of a history, where nothing of them belongs to it.
const maxTurns = 16

// History returns what happened to an entity, newest first: its changes, under all ids that it had, the truncates that emptied its table while it was there, the named versions
// that it belongs to, and feedback on it, on its changes and on those versions. Of a changed key, which is two documents, there is one item. A history
// of nothing, since the filters leave none, is an empty page; an entity of which nothing is known is an error.
//
// Feedback on a change that names no entity stands beside that change, and is found with it alone; all else stands at its own time.
func (s *Service) History(ctx context.Context, q HistoryQuery) (*History, error) {
	ref, err := checkEntity(q.Type, q.ID)
	if err != nil {
		return nil, err
	}
	p, err := s.page(q.PageQuery, "history", q.Type, q.ID, q.From, q.To, q.Field, q.User)
	if err != nil {
		return nil, err
	}
	within, err := timeRange(q.From, q.To, p.now)
	if err != nil {
		return nil, err
	}
	h := historian{Service: s, within: within, field: q.Field, user: byUser(q.User)}
	found, err := h.begin(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	answer := &History{Items: []Change{}}
	answer.Entity.Ref, answer.Entity.Also = ref, h.life.also()
	for range maxTurns {
		if found == nil {
			pages, err := s.search(ctx, p.search(h.filter(), NewestFirst))
			if err != nil {
				return nil, err
			}
			found = &pages[0]
		}
		docs, next := p.answer(found)
		found = nil
		if answer.Next = next; next != "" {
			p.after.key = keyOf(&docs[len(docs)-1])
		}
		if answer.Items, err = h.items(ctx, docs); err != nil {
			return nil, err
		}
		if len(answer.Items) > 0 || next == "" {
			break
		}
	}
	return answer, nil
}

// historian reads one entity's history.
type historian struct {
	*Service
	life   *life
	first  *schema.Document // the first version under the id that was asked for; nil where there is none
	names  []string         // of the versions that the entity belongs to
	within Filter           // the time frame; nil: any
	field  string           // "": any
	user   Filter           // nil: anybody
}

// byUser holds for what a user did, by id, name or e-mail; nil for "".
func byUser(user string) Filter {
	if user == "" {
		return nil
	}
	return Or{Is(FieldUserID, user), Is(FieldUserName, user), Is(FieldUserEmail, user)}
}

// filter holds for what belongs to the history, and for some that does not: whether a truncate concerned the entity, its versions must tell.
func (h *historian) filter() Filter { return h.bounded(h.subject()) }

// bounded holds for what a filter holds for, within the time frame and of the user.
func (h *historian) bounded(f Filter) Filter {
	all := And{f}
	if h.within != nil {
		all = append(all, h.within)
	}
	if h.user != nil {
		all = append(all, h.user)
	}
	return all
}

func (h *historian) subject() Filter {
	if h.field != "" {
		changes := h.life.filter(func(r Ref) Filter { return And{r.versions(), Is(FieldRowFields, h.field)} })
		if len(h.life.rekeys) == 0 {
			return changes
		}
		// A changed key's row version does not name its fields; the documents of its field changes do.
		return Or{changes, And{isKind(schema.DocumentFieldChange), Equal{FieldEventID, h.life.rekeys}, Is(FieldChangeField, h.field)}}
	}
	any := Or{
		h.life.filter(func(r Ref) Filter {
			return And{anyKind(schema.DocumentRowVersion, schema.DocumentNamedVersion, schema.DocumentFeedback), r.of()}
		}),
	}
	if truncates := (And{isKind(schema.DocumentTruncate), Is(FieldEntityType, h.life.ref.Type)}); len(h.life.stretches) > 0 {
		any = append(any, truncates)
	} else if h.first != nil {
		// Those from before the entity was known do not concern it. A day's room is for a clock that was set back.
		any = append(any, append(truncates, Between{Field: FieldTime, From: storable(h.first.Time.AddDate(0, 0, -1))}))
	}
	if len(h.names) > 0 {
		any = append(any, h.onVersions())
	}
	return any
}

// onVersions holds for feedback on the versions that the entity belongs to.
func (h *historian) onVersions() Filter {
	return And{isKind(schema.DocumentFeedback), Equal{FieldVersionName, h.names}, Not{Exists{FieldEntityID}}, Not{Exists{FieldFeedbackEvent}}}
}

// begin finds out whether anything is known of the entity, which ids it had, and which versions it belongs to. Most entities had one id, and nothing was said of their versions: their
// page is asked for at the same time, and returned where it proves to be the one; nil where it does not.
func (h *historian) begin(ctx context.Context, ref Ref, p page) (*Page, error) {
	searches := []Search{{Filter: ref.versions(), Order: OldestFirst, Limit: 1}, rekeysOf(ref), p.search(h.usual(ref), NewestFirst)}
	var pages []Page
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		pages, err = h.search(both, searches...)
		return err
	})
	group.Go(func() error { return h.readNames(both, ref.of()) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if h.first = first(pages[0]); h.first == nil {
		known, err := h.known(ctx, ref)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, errUnknown(ref)
		}
	}
	var err error
	if h.life, err = h.lifeThrough(ctx, ref, pages[1].Documents); err != nil {
		return nil, err
	}
	if len(h.life.stretches) > 0 {
		return nil, h.readNames(ctx, h.life.filter(Ref.of))
	}
	if len(h.life.rekeys) > 0 || !h.holds(&pages[2]) {
		return nil, nil
	}
	if len(h.names) > 0 {
		said, err := h.search(ctx, Search{Filter: h.bounded(h.onVersions()), Limit: 1})
		if err != nil || len(said[0].Documents) > 0 {
			return nil, err
		}
	}
	return &pages[2], nil
}

// usual returns the history's filter for an entity with one id that was always there, and of whose versions nothing was said.
func (h *historian) usual(ref Ref) Filter {
	usual := *h
	usual.life, usual.first, usual.names = &life{ref: ref}, new(schema.Document), nil
	return usual.filter()
}

// holds says whether a page that the usual filter found is that of the history, apart from what was said of versions: it differs by truncates from before the entity was known. Of those that follow the page nothing is
// known, unless the entity's first version does.
func (h *historian) holds(page *Page) bool {
	f := h.filter()
	for i := range page.Documents {
		if !Holds(f, &page.Documents[i]) {
			return false
		}
	}
	if n := len(page.Documents); page.More && n > 0 {
		return h.first != nil && Holds(f, h.first) && NewestFirst.Compare(KeyOf(&page.Documents[n-1]), KeyOf(h.first)) < 0
	}
	return !page.More
}

// readNames finds the names of the versions that an entity belongs to: feedback on those is feedback on it.
func (h *historian) readNames(ctx context.Context, of Filter) error {
	if h.field != "" {
		return nil
	}
	const limit = 256
	groups, err := h.Store.Groups(ctx, Groups{By: []Field{FieldVersionName}, Limit: limit, Filter: And{
		Exists{FieldVersionName}, anyKind(schema.DocumentRowVersion, schema.DocumentNamedVersion), of}})
	h.names = make([]string, len(groups))
	for i := range groups {
		h.names[i] = groups[i].Key[0]
	}
	return err
}

// items returns what the documents of a page tell, without what does not belong to the history.
func (h *historian) items(ctx context.Context, docs []schema.Document) ([]Change, error) {
	docs = slices.DeleteFunc(docs, func(d schema.Document) bool { return !h.life.contains(&d) })
	docs, err := h.whole(ctx, docs)
	if err != nil {
		return nil, err
	}
	if docs, err = h.concerned(ctx, docs); err != nil {
		return nil, err
	}
	changes, err := h.tell(ctx, docs)
	if err != nil {
		return nil, err
	}
	feedback, err := h.feedback(ctx, docs)
	if err != nil {
		return nil, err
	}
	items := make([]Change, 0, len(changes)+len(feedback))
	for i := range changes {
		if d := &docs[i]; d.Kind == schema.DocumentRowVersion || d.Kind == schema.DocumentTruncate {
			items = append(items, feedback[d.EventID]...)
			if d.PairID != "" {
				items = append(items, feedback[d.PairID]...)
			}
		}
		items = append(items, changes[i])
	}
	return items, nil
}

// whole puts in place of the field changes of changed keys the row versions that they belong to, and leaves out the old half of a changed key whose new half is there.
func (h *historian) whole(ctx context.Context, docs []schema.Document) ([]schema.Document, error) {
	var halves []*schema.Document
	var ids []string
	for i := range docs {
		switch d := &docs[i]; {
		case d.Kind == schema.DocumentFieldChange:
			ids = append(ids, d.EventID)
		case d.Kind == schema.DocumentRowVersion && d.Entity.NextID != "":
			halves = append(halves, d)
		}
	}
	if len(halves)+len(ids) == 0 {
		return docs, nil
	}
	pairs, err := h.pairs(ctx, halves)
	if err != nil {
		return nil, err
	}
	rows, err := h.rows(ctx, ids)
	if err != nil {
		return nil, err
	}
	kept := make([]schema.Document, 0, len(docs))
	for i := range docs {
		d := &docs[i]
		switch {
		case d.Kind == schema.DocumentFieldChange && rows[d.EventID] != nil:
			kept = append(kept, *rows[d.EventID])
		case d.Kind == schema.DocumentRowVersion && d.Entity.NextID != "" && pairs[d.EventID] != nil && h.shows(pairs[d.EventID]):
		default:
			kept = append(kept, *d)
		}
	}
	return kept, nil
}

// shows says whether the history shows a document, on whichever page.
func (h *historian) shows(d *schema.Document) bool { return Holds(h.filter(), d) }

// rows returns the row versions of events.
func (s *Service) rows(ctx context.Context, eventIDs []string) (map[string]*schema.Document, error) {
	const atOnce = 100
	rows := map[string]*schema.Document{}
	for begin := 0; begin < len(eventIDs); begin += atOnce {
		part := eventIDs[begin:min(begin+atOnce, len(eventIDs))]
		err := s.each(ctx, Search{Filter: And{isKind(schema.DocumentRowVersion), Equal{FieldEventID, part}}, Limit: len(part)}, func(d *schema.Document) {
			rows[d.EventID] = d
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
