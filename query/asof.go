package query

import (
	"context"
	"time"

	"dossier/schema"
)

// candidates is how many of the newest row versions are looked at for the last one in commit order. After the clock of a database stepped back, the newest are not the last.
const candidates = 16

// ahead is how many of the following row versions are looked at for one that had committed in time, and begins a search for more.
const ahead = 4

// moment asks for an entity at a time.
type moment struct {
	ref Ref
	at  time.Time
}

// version is what an entity was: its last row version, and the truncate that emptied its table since, if one did. Both are nil where no version is known.
type version struct {
	row, truncate *schema.Document
}

// deciding returns the change that made it so.
func (v version) deciding() *schema.Document {
	if v.truncate != nil {
		return v.truncate
	}
	return v.row
}

// lasting is the search for one entity's last version by a time.
type lasting struct {
	moment
	live     *schema.Document // the last in commit order, of those that have a place
	baseline *schema.Document // the last of those that have none
	truncate *schema.Document
	step     int  // how many following versions to look at
	done     bool // live is the last
}

func (l *lasting) row() *schema.Document { return latestOf(l.live, l.baseline) }

// versionsAt finds what entities were at times: the last change of each, in commit order, that had committed by then. It takes two rounds of searches, whatever the
// entities' ages; more only where a clock stepped back.
func (s *Service) versionsAt(ctx context.Context, moments []moment) ([]version, error) {
	const atOnce = 16 // entities: each may bring as many documents as there are candidates
	found := make([]version, 0, len(moments))
	for begin := 0; begin < len(moments); begin += atOnce {
		part := moments[begin:min(begin+atOnce, len(moments))]
		searches := make([]Search, len(part))
		for i, m := range part {
			searches[i] = Search{Filter: And{m.ref.versions(), committedBy(m.at)}, Order: NewestFirst, Limit: candidates}
		}
		all := make([]lasting, len(part))
		err := s.searchAll(ctx, searches, func(i int, p Page) {
			all[i] = lasting{moment: part[i], step: ahead}
			all[i].choose(p.Documents)
		})
		if err != nil {
			return nil, err
		}
		if err := s.last(ctx, all); err != nil {
			return nil, err
		}
		for i := range all {
			found = append(found, version{all[i].row(), all[i].truncate})
		}
	}
	return found, nil
}

// choose takes the last of the newest versions, among those of the newest one's source: times alone decide between sources.
func (l *lasting) choose(newest []schema.Document) {
	for i := range newest {
		d := &newest[i]
		if d.CDC.Source != newest[0].CDC.Source {
			continue
		}
		if placed(d) {
			l.live = latestOf(l.live, d)
		} else {
			l.baseline = latestOf(l.baseline, d)
		}
	}
}

// last walks on from the versions chosen, while the next ones had committed in time, and looks for truncates after them.
func (s *Service) last(ctx context.Context, all []lasting) error {
	for {
		var searches []Search
		var takes []func(Page)
		ask := func(search Search, take func(Page)) {
			searches, takes = append(searches, search), append(takes, take)
		}
		for i := range all {
			l := &all[i]
			row := l.row()
			if row == nil || l.done {
				continue
			}
			l.done, l.truncate = true, nil
			if row.After != nil {
				ask(truncateOf(row, l.at), func(p Page) { l.truncate = firstAfter(p, row) })
			}
			if l.live != nil {
				ask(Search{Filter: And{l.ref.versions(), beyond(l.live), Not{unplaced}}, Order: CommitOrder, Limit: l.step}, l.walk)
			}
		}
		if len(searches) == 0 {
			return nil
		}
		if err := s.searchAll(ctx, searches, func(i int, p Page) { takes[i](p) }); err != nil {
			return err
		}
	}
}

// walk takes the last of the following versions that had committed in time, after which there may be more. Where there is none among them, the one before them was the last.
func (l *lasting) walk(p Page) {
	for i := range p.Documents {
		if d := &p.Documents[i]; !d.Time.After(l.at) {
			l.live, l.done = d, false
		}
	}
	l.step = min(4*l.step, 256)
}

// truncateOf searches the first truncate of a row version's table after it, which took the row, if it had committed by a time: firstAfter takes the answer.
func truncateOf(row *schema.Document, at time.Time) Search {
	f := And{truncatesOf(row), sameSource(row), committedBy(at)}
	if placed(row) {
		return Search{Filter: append(f, Beyond{FieldPosition, row.CDC.Position}), Order: CommitOrder, Limit: 1}
	}
	return Search{Filter: append(f, Between{Field: FieldTime, From: row.Time.Add(-skew)}), Order: OldestFirst, Limit: besides}
}

// truncatesOf holds for truncates of a row version's table.
func truncatesOf(row *schema.Document) Filter {
	f := And{isKind(schema.DocumentTruncate), Is(FieldEntityType, row.Entity.Type)}
	if row.CDC.Schema != "" {
		f = append(f, Is(FieldSchema, row.CDC.Schema))
	}
	if row.CDC.Table != "" {
		f = append(f, Is(FieldTable, row.CDC.Table))
	}
	return f
}
