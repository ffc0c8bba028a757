package query

import (
	"context"
	"slices"

	"dossier/schema"
)

// Version returns the entities of one edition of a named version, in the order of type and id, as they were, with what differed from the version before. That is, for each entity:
//
//   - the latest earlier edition of the same name that holds it;
//   - otherwise, where changes carry the name, the entity before the first of them;
//   - otherwise the named version of another name that was taken of it last before: State.ComparedWith names it;
//   - otherwise nothing: every value differs from absent.
func (s *Service) Version(ctx context.Context, q VersionQuery) (*VersionContent, error) {
	if q.Name == "" {
		return nil, invalid("name", "expected the name of a version")
	}
	p, err := s.page(q.PageQuery, "version", q.Name, q.Edition, q.Type)
	if err != nil {
		return nil, err
	}
	turned, err := takeContentPlace(&p)
	if err != nil {
		return nil, err
	}
	if turned.edition != "" {
		q.Edition = turned.edition
	}
	editions, chosen, err := s.editionOf(ctx, q.Name, q.Edition)
	if err != nil {
		return nil, err
	}
	if err := s.describe(ctx, q.Name, editions); err != nil {
		return nil, err
	}
	if turned.edition == "" {
		err = s.count(ctx, q.Name, editions)
	} else {
		turned.count(editions)
	}
	if err != nil {
		return nil, err
	}
	edition := editions[chosen]
	filter := edition.holds(q.Name)
	if q.Type != "" {
		filter = And{filter, Is(FieldEntityType, q.Type)}
	}
	groups, err := s.Store.Groups(ctx, Groups{Filter: filter, By: []Field{FieldEntityType, FieldEntityID}, After: p.after.group, Limit: p.limit})
	if err != nil {
		return nil, err
	}
	refs := make([]Ref, len(groups))
	for i, g := range groups {
		refs[i] = Ref{Type: g.Key[0], ID: g.Key[1]}
	}
	answer := &VersionContent{Name: q.Name, Edition: edition, Editions: editions}
	if answer.Items, err = s.content(ctx, q.Name, editions[:chosen+1], refs); err != nil {
		return nil, err
	}
	if n := len(answer.Items); len(groups) == p.limit || n < len(refs) {
		answer.Next = p.next(place{group: append([]string{refs[n-1].Type, refs[n-1].ID}, contentPlaceOf(editions, &edition).texts()...)})
	}
	return answer, nil
}

// contentAtOnce is how many entities of a version are put together at a time.
const contentAtOnce = 32

// content returns entities as they were in the last of the editions, and how they differ from the version before. It ends early, with at least one, where their rows are large.
func (s *Service) content(ctx context.Context, name string, editions []Edition, refs []Ref) ([]State, error) {
	states := make([]State, 0, len(refs))
	size := 0
	for begin := 0; begin < len(refs) && size < MaxPageBytes; begin += contentAtOnce {
		part := refs[begin:min(begin+contentAtOnce, len(refs))]
		targets, err := s.targets(ctx, name, editions, part)
		if err != nil {
			return nil, err
		}
		current := make([]versionTarget, len(part))
		for i := range part {
			current[i] = targets[i][len(editions)-1]
		}
		now, err := s.statesIn(ctx, part, current)
		if err != nil {
			return nil, err
		}
		earlier, err := s.versionBefore(ctx, name, editions, part, targets)
		if err != nil {
			return nil, err
		}
		others, err := s.otherVersionBefore(ctx, name, part, current, earlier)
		if err != nil {
			return nil, err
		}
		if err := s.complete(ctx, some(now, earlier)); err != nil {
			return nil, err
		}
		for i, ref := range part {
			st := State{Entity: Entity{Ref: ref}, Status: StatusUnknown}
			var was, is image
			if now[i] != nil {
				st, is = now[i].state(), now[i].image
			}
			if earlier[i] != nil {
				was = earlier[i].image
			}
			st.Changes = imageDiff(was, is)
			st.Named, st.ComparedWith = namedBy(current[i].naming), markOf(others[i])
			states = append(states, st)
			for _, f := range is {
				size += len(f.name) + len(f.value.JSON)
			}
		}
	}
	return states, nil
}

// versionBefore returns the entities as they were in the version before; nil where there is none.
func (s *Service) versionBefore(ctx context.Context, name string, editions []Edition, refs []Ref, targets [][]versionTarget) ([]*found, error) {
	last := len(editions) - 1
	earlier := make([]versionTarget, len(refs))
	var searches []Search
	var which []int
	for i := range refs {
		for j := last - 1; j >= 0 && earlier[i].none(); j-- {
			earlier[i] = targets[i][j]
		}
		if earlier[i].none() && editions[last].By == namedByChanges {
			searches = append(searches, Search{Filter: And{Is(FieldVersionName, name), namingChanges, refs[i].of()}, Order: OldestFirst, Limit: candidates})
			which = append(which, i)
		}
	}
	all, err := s.statesIn(ctx, refs, earlier)
	if err != nil {
		return nil, err
	}
	begins := make([]*schema.Document, len(refs))
	err = s.searchAll(ctx, searches, func(i int, p Page) { begins[which[i]] = earliestOf(p.Documents) })
	if err != nil {
		return nil, err
	}
	return all, s.preceding(ctx, begins, all)
}

// otherVersionBefore puts in, for entities that were named on purpose and have no version before under the same name, the one that was taken last under another name, and returns
// what named that one.
func (s *Service) otherVersionBefore(ctx context.Context, name string, refs []Ref, current []versionTarget, earlier []*found) ([]*schema.Document, error) {
	targets := make([]versionTarget, len(refs))
	var searches []Search
	var which []int
	for i := range refs {
		if naming := current[i].naming; naming != nil && earlier[i] == nil {
			searches = append(searches, Search{Order: NewestFirst, Limit: candidateNamings, Filter: And{
				anyKindNamed, refs[i].of(), Not{Is(FieldVersionName, name)}, Between{Field: FieldTime, To: naming.Time}}})
			which = append(which, i)
		}
	}
	err := s.searchAll(ctx, searches, func(i int, p Page) {
		at := which[i]
		for j := range p.Documents {
			if d := &p.Documents[j]; d.NamedVersion != nil && !d.NamedVersion.AsOf.After(current[at].at) {
				targets[at].name(d)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	states, err := s.statesIn(ctx, refs, targets)
	if err != nil {
		return nil, err
	}
	namings := make([]*schema.Document, len(refs))
	for i, f := range states {
		if f != nil {
			earlier[i], namings[i] = f, targets[i].naming
		}
	}
	return namings, nil
}

// preceding finds what entities were just before changes (nil where there is none to look before), and puts it into all.
func (s *Service) preceding(ctx context.Context, changes []*schema.Document, all []*found) error {
	var rekeyed []*schema.Document
	for _, d := range changes {
		if d != nil && d.Entity.PreviousID != "" {
			rekeyed = append(rekeyed, d)
		}
	}
	pairs, err := s.pairs(ctx, rekeyed)
	if err != nil {
		return err
	}
	var searches []Search
	var which []int
	for i, d := range changes {
		if d != nil && d.Entity.PreviousID != "" {
			d = pairs[d.EventID] // what was there before stands under the previous id
			changes[i] = d
		}
		if d == nil || d.Action == schema.ActionCreate {
			continue
		}
		searches = append(searches, before(d, refOf(d).versions()), baselineBefore(d, refOf(d).versions()))
		which = append(which, i)
	}
	last := make([]*schema.Document, len(changes))
	err = s.searchAll(ctx, searches, func(i int, p Page) {
		at := which[i/2]
		last[at] = latestOf(last[at], lastBefore(p, changes[at]))
	})
	for _, at := range which {
		if row := rowBefore(changes[at], last[at]); row.After != nil {
			all[at] = &found{ref: refOf(changes[at]), version: version{row: row}}
		}
	}
	return err
}

// rowBefore returns the row that a change found, as if a version had left it so: what the change itself carries of it, and otherwise what the last version
// before has (nil where none is known).
func rowBefore(d, last *schema.Document) *schema.Document {
	row := *d
	row.Action, row.Entity.NextID, row.Entity.PreviousID = schema.ActionUpdate, "", ""
	row.After, row.Before = d.Before, nil
	if last == nil || last.After == nil {
		return &row
	}
	row = *last
	row.Entity.NextID = ""
	row.After = slices.Clone(last.After)
	for i := range row.After {
		if v := d.Before.Get(row.After[i].Name); v.State != schema.Absent && v.State != schema.Unavailable {
			row.After[i].Value = v
		}
	}
	return &row
}

// earliestOf returns the document that stands before all the others; nil of none.
func earliestOf(docs []schema.Document) *schema.Document {
	var earliest *schema.Document
	for i := range docs {
		if earliest == nil || follows(earliest, &docs[i]) {
			earliest = &docs[i]
		}
	}
	return earliest
}

// some returns those that are there.
func some(lists ...[]*found) []*found {
	var all []*found
	for _, list := range lists {
		for _, f := range list {
			if f != nil {
				all = append(all, f)
			}
		}
	}
	return all
}

// namedBy says who named an entity's state and when; nil where the change itself carries the name.
func namedBy(naming *schema.Document) *Naming {
	if naming == nil {
		return nil
	}
	return &Naming{EventID: naming.EventID, Time: naming.Time, Context: contextOf(naming)}
}
