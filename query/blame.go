package query

import (
	"context"
	"slices"

	"dossier/schema"
)

// trace looks for the change that gave a field its value.
type trace struct {
	field string
	at    *schema.Document // looked back from here
	// passed says that at itself has been looked at.
	passed bool
	// baseline is the row of a snapshot that holds the value, where the trace has come past one. It is the answer if the value before it was another: then nobody saw the change.
	baseline *schema.Document
	// rekeyed is the new half of the last changed key that the trace has come through: the answer where nothing is known from before it.
	rekeyed *schema.Document
	hops    int
}

func (t *trace) search(f Filter) Search {
	if t.passed {
		return before(t.at, f)
	}
	return upTo(t.at, f)
}

// agrees says whether a value before a snapshot is the one that the snapshot's row holds, as far as anybody can tell.
func (t *trace) agrees(v schema.Value) bool {
	return t.baseline == nil || v.State == schema.Unavailable || alike(v, t.baseline.After.Get(t.field))
}

// blame returns for each field of a row the last change of it, or the version that it was there in first. A field that came by ALTER TABLE, and that nobody has
// changed since, has none.
func (s *Service) blame(ctx context.Context, row *schema.Document) (map[string]Blame, error) {
	blames := map[string]Blame{}
	var traces []*trace
	for _, f := range row.After {
		if f.Value.State != schema.Absent {
			traces = append(traces, &trace{field: f.Name, at: row})
		}
	}
	for len(traces) > 0 {
		next, err := s.traceBack(ctx, traces, blames)
		if err != nil {
			return nil, err
		}
		traces = next
	}
	return blames, nil
}

// traceBack looks back from where each trace is to where its row began there. Traces that find their change end; it returns those that go on, past a snapshot or through a
// changed key.
func (s *Service) traceBack(ctx context.Context, traces []*trace, blames map[string]Blame) ([]*trace, error) {
	searches := make([]Search, len(traces))
	for i, t := range traces {
		searches[i] = t.search(refOf(t.at).changesOf(t.field))
	}
	changes := make([]*schema.Document, len(traces))
	if err := s.searchAll(ctx, searches, func(i int, p Page) { changes[i] = lastBefore(p, traces[i].at) }); err != nil {
		return nil, err
	}
	starts, err := s.starts(ctx, traces)
	if err != nil {
		return nil, err
	}
	var next, rekeyed []*trace
	var halves []*schema.Document
	for i, t := range traces {
		change, start := changes[i], starts[t.at]
		if within(change, start.row) {
			if t.agrees(change.Change.Current) {
				blames[t.field] = blameOf(change, &change.Change.Previous)
			} else {
				blames[t.field] = blameOf(t.baseline, nil)
			}
			continue
		}
		version := start.version()
		var value schema.Value
		if version != nil {
			value = version.After.Get(t.field)
		}
		switch {
		case t.baseline != nil && (version == nil || !t.agrees(value)):
			blames[t.field] = blameOf(t.baseline, nil)
		case version == nil && t.rekeyed != nil:
			blames[t.field] = blameOf(t.rekeyed, nil)
		case version == nil || value.State == schema.Absent:
		case version != start.row:
			blames[t.field] = blameOf(version, nil)
		case version.Action == schema.ActionCreate:
			blames[t.field] = blameOf(version, &schema.Value{})
		case version.Action == schema.ActionSnapshot:
			t.baseline, t.at, t.passed = version, version, true
			next = append(next, t)
		default:
			t.at = version
			rekeyed, halves = append(rekeyed, t), append(halves, version)
		}
	}
	pairs, err := s.pairs(ctx, halves)
	if err != nil {
		return nil, err
	}
	for _, t := range rekeyed {
		old := pairs[t.at.EventID]
		if t.hops++; old == nil || t.hops > maxHops {
			blames[t.field] = blameOf(t.at, nil)
			continue
		}
		t.at, t.passed, t.rekeyed = old, true, t.at
		next = append(next, t)
	}
	return next, nil
}

// within says whether a field's change belongs to the row that a version began.
func within(change, start *schema.Document) bool {
	return change != nil && (start == nil || change.EventID == start.EventID || follows(change, start))
}

// start is where the row that a trace is in began.
type start struct {
	row   *schema.Document // the last version that is no update; nil where none is known
	first *schema.Document // where row began no row, but ended another one, or is unknown: the first version after it
}

// version returns the first version known of the row.
func (st start) version() *schema.Document {
	if st.row != nil && st.row.After != nil {
		return st.row
	}
	return st.first
}

// starts finds where rows began, by the documents that traces look back from.
func (s *Service) starts(ctx context.Context, traces []*trace) (map[*schema.Document]start, error) {
	starts := map[*schema.Document]start{}
	var searches []Search
	var from []*trace
	for _, t := range traces {
		if _, ok := starts[t.at]; ok {
			continue
		}
		starts[t.at] = start{}
		if !t.passed && t.at.Action != schema.ActionUpdate {
			starts[t.at] = start{row: t.at}
			continue
		}
		versions := refOf(t.at).versions()
		searches = append(searches, t.search(refOf(t.at).wholes()), baselineBefore(t.at, versions))
		from = append(from, t)
	}
	err := s.searchAll(ctx, searches, func(i int, p Page) {
		at := from[i/2].at
		starts[at] = start{row: latestOf(starts[at].row, lastBefore(p, at))}
	})
	if err != nil {
		return nil, err
	}

	searches = searches[:0]
	var unseen []*trace
	for _, t := range from {
		row := starts[t.at].row
		if row != nil && row.After != nil {
			continue
		}
		f := And{refOf(t.at).versions()}
		if row != nil {
			f = append(f, beyondRow(row), Not{Is(FieldEventID, row.EventID)})
		}
		if placed(t.at) {
			f = append(f, Not{unplaced})
		}
		search := t.search(f)
		search.Order = forwardOrder(t.at)
		searches = append(searches, search)
		unseen = append(unseen, t)
	}
	err = s.searchAll(ctx, searches, func(i int, p Page) {
		at := unseen[i].at
		if i := slices.IndexFunc(p.Documents, func(d schema.Document) bool { return !follows(&d, at) }); i >= 0 {
			starts[at] = start{row: starts[at].row, first: &p.Documents[i]}
		}
	})
	return starts, err
}

// blameOf returns what a version or a field change says of a value: previous is the one before, nil where nobody knows of any.
func blameOf(d *schema.Document, previous *schema.Value) Blame {
	b := Blame{EventID: d.EventID, Time: d.Time, Action: d.Action, Context: contextOf(d)}
	if previous != nil {
		b.Previous, b.PreviousState = statedOf(*previous)
	}
	return b
}
