package query

import (
	"context"
	"time"

	"dossier/schema"
)

// versionTarget says which state of an entity an edition of a version holds: after a change that carries its name, or at a time. The zero value is none.
//
// The event id that a document of a named version has is not followed: it is what was known when the name was given, and changes that had committed by the time that is meant
// may have been on their way to the store. By the time alone, every asker gets what the database held, whenever it arrived.
type versionTarget struct {
	row *schema.Document // the change that carries the name
	at  time.Time
	// naming is the document that gives the name; nil where the change itself carries it.
	naming *schema.Document
}

func (t *versionTarget) none() bool { return t.row == nil && t.naming == nil }

// candidateNamings is how many documents are looked at that give one entity one edition's name: the time that is meant decides, and not that of the document.
const candidateNamings = 16

// resolveVersion says which state of an entity a version holds: the latest edition where edition is "". An entity that is not in it is a *Error with CodeNotFound, as is a
// name that nothing has.
func (s *Service) resolveVersion(ctx context.Context, name, edition string, ref Ref) (versionTarget, error) {
	editions, chosen, err := s.editionOf(ctx, name, edition)
	if err != nil {
		return versionTarget{}, err
	}
	targets, err := s.targets(ctx, name, editions[chosen:chosen+1], []Ref{ref})
	if err != nil {
		return versionTarget{}, err
	}
	if t := targets[0][0]; !t.none() {
		return t, nil
	}
	targets, err = s.targets(ctx, name, editions, []Ref{ref})
	if err != nil {
		return versionTarget{}, err
	}
	for i := len(editions) - 1; i >= 0; i-- {
		if !targets[0][i].none() {
			return versionTarget{}, notFound("edition %d of version %q does not hold %s %s; edition %d does", editions[chosen].Edition, quoteShort(name), ref.Type, ref.ID, editions[i].Edition)
		}
	}
	return versionTarget{}, notFound("version %q does not hold %s %s", quoteShort(name), ref.Type, ref.ID)
}

// targets says which states of entities editions hold, for each entity by edition.
//
// What was named for the purpose decides, the latest by the time that is meant: by a row of a table, or by a request. Otherwise it is the last change that carries the name.
func (s *Service) targets(ctx context.Context, name string, editions []Edition, refs []Ref) ([][]versionTarget, error) {
	named := Is(FieldVersionName, name)
	requests, changes := map[string]int{}, -1
	ids := Equal{Field: FieldVersionID}
	for i := range editions {
		if editions[i].By == namedByRequest {
			requests[editions[i].ID] = i
			ids.Values = append(ids.Values, editions[i].ID)
		} else {
			changes = i
		}
	}
	targets := make([][]versionTarget, len(refs))
	var searches []Search
	var takes []func(Page)
	for i, ref := range refs {
		of := make([]versionTarget, len(editions))
		targets[i] = of
		if len(requests) > 0 {
			searches = append(searches, Search{Filter: And{named, anyKindNamed, ids, ref.of()}, Order: NewestFirst, Limit: min(len(requests)+candidateNamings, MaxLimit)})
			takes = append(takes, func(p Page) {
				for j := range p.Documents {
					d := &p.Documents[j]
					if e, ok := requests[d.NamedVersion.ID]; ok {
						of[e].name(d)
					}
				}
			})
		}
		if changes < 0 {
			continue
		}
		searches = append(searches,
			Search{Filter: And{named, namingRows, ref.of()}, Order: NewestFirst, Limit: candidateNamings},
			Search{Filter: And{named, namingChanges, ref.of()}, Order: NewestFirst, Limit: candidates})
		takes = append(takes,
			func(p Page) {
				for j := range p.Documents {
					of[changes].name(&p.Documents[j])
				}
			},
			func(p Page) {
				if of[changes].naming == nil {
					for j := range p.Documents {
						of[changes].row = latestOf(of[changes].row, &p.Documents[j])
					}
				}
			})
	}
	return targets, s.searchAll(ctx, searches, func(i int, p Page) { takes[i](p) })
}

// name takes the state that a document names, unless one was named for a later time.
func (t *versionTarget) name(d *schema.Document) {
	v := d.NamedVersion
	if v == nil || t.naming != nil && (v.AsOf.Before(t.at) || v.AsOf.Equal(t.at) && KeyOf(d).Compare(KeyOf(t.naming)) < 0) {
		return
	}
	*t = versionTarget{at: v.AsOf, naming: d}
}

// statesIn returns entities as the targets say, in their order; nil for those of which nothing is known.
func (s *Service) statesIn(ctx context.Context, refs []Ref, targets []versionTarget) ([]*found, error) {
	all := make([]*found, len(refs))
	var moments []moment
	var which []int
	for i, t := range targets {
		switch {
		case t.row != nil:
			all[i] = &found{ref: refs[i], version: version{row: t.row}}
		case !t.none():
			moments = append(moments, moment{refs[i], t.at})
			which = append(which, i)
		}
	}
	at, err := s.statesAt(ctx, moments)
	if err != nil {
		return nil, err
	}
	for i, f := range at {
		all[which[i]] = f
	}
	return all, nil
}
