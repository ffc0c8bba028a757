package query

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"dossier/schema"
)

// How an edition came about: Edition.By.
const (
	namedByChanges = "changes" // changes carry the name, by their context or by a table's rows
	namedByRequest = "request" // a request named entities afterwards
)

// maxCountedEntities bounds the entities of an edition of changes that are counted: the store has to go through all of them.
const maxCountedEntities = 10_000

// maxListedNames bounds the names on a page, since for each the store has to count.
const maxListedNames = 100

// Versions lists the named versions, in the order of their names, each with its editions.
func (s *Service) Versions(ctx context.Context, q PageQuery) (*NamedVersions, error) {
	p, err := s.page(q, "versions")
	if err != nil {
		return nil, err
	}
	p.limit = min(p.limit, maxListedNames)
	groups, err := s.Store.Groups(ctx, Groups{Filter: namings, By: []Field{FieldVersionName}, After: p.after.group, Limit: p.limit})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Key[0]
	}
	editions, err := s.editions(ctx, names)
	if err != nil {
		return nil, err
	}
	answer := &NamedVersions{Items: make([]NamedVersion, len(names))}
	// Each name takes round trips of its own, which need not wait for each other's.
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(namesAtOnce)
	for i, name := range names {
		answer.Items[i] = NamedVersion{Name: name, Editions: editions[name]}
		group.Go(func() error {
			if err := s.describe(groupCtx, name, editions[name]); err != nil {
				return err
			}
			return s.count(groupCtx, name, editions[name])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(groups) == p.limit {
		answer.Next = p.next(place{group: groups[len(groups)-1].Key})
	}
	return answer, nil
}

// namesAtOnce is how many names are looked into at a time. A store takes that many questions of one caller without making others wait.
const namesAtOnce = 4

// What gives an entity the name of a version: a change that carries it, or a document made for the purpose, by a row of a table or by a request.
var (
	namings        = And{Exists{FieldVersionName}, Or{namingChanges, anyKindNamed}}
	namingChanges  = isKind(schema.DocumentRowVersion)
	anyKindNamed   = isKind(schema.DocumentNamedVersion)
	namingRows     = And{anyKindNamed, Not{Exists{FieldVersionID}}}
	namingRequests = And{anyKindNamed, Exists{FieldVersionID}}
)

// editions returns the editions of versions, numbered by the time of their first document, without what describe adds. A name that nothing has is not in the answer.
func (s *Service) editions(ctx context.Context, names []string) (map[string][]Edition, error) {
	editions := map[string][]Edition{}
	if len(names) == 0 {
		return editions, nil
	}
	named := Equal{FieldVersionName, names}
	changes, err := s.Store.Groups(ctx, Groups{Filter: And{named, Or{namingChanges, namingRows}}, By: []Field{FieldVersionName}, Limit: len(names)})
	if err != nil {
		return nil, err
	}
	for _, g := range changes {
		editions[g.Key[0]] = append(editions[g.Key[0]], Edition{By: namedByChanges, First: g.First, Last: g.Last})
	}
	err = s.groups(ctx, Groups{Filter: And{named, namingRequests}, By: []Field{FieldVersionName, FieldVersionID}}, func(g Group) bool {
		editions[g.Key[0]] = append(editions[g.Key[0]], Edition{By: namedByRequest, ID: g.Key[1], First: g.First, Last: g.Last, Entities: g.Count})
		return true
	})
	for _, of := range editions {
		slices.SortFunc(of, func(a, b Edition) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ID, b.ID)) })
		for i := range of {
			of[i].Edition = i + 1
		}
	}
	return editions, err
}

// groups calls take for each group, page by page, until it returns false.
func (s *Service) groups(ctx context.Context, g Groups, take func(Group) bool) error {
	g.Limit = MaxLimit
	for {
		page, err := s.Store.Groups(ctx, g)
		if err != nil {
			return err
		}
		for _, group := range page {
			if !take(group) {
				return nil
			}
		}
		if len(page) < g.Limit {
			return nil
		}
		g.After = page[len(page)-1].Key
	}
}

// count adds how many entities the edition of changes has; of the others it is known.
func (s *Service) count(ctx context.Context, name string, editions []Edition) error {
	i := slices.IndexFunc(editions, byChanges)
	if i < 0 {
		return nil
	}
	e := &editions[i]
	return s.groups(ctx, Groups{Filter: e.holds(name), By: []Field{FieldEntityType, FieldEntityID}}, func(Group) bool {
		e.More = e.Entities == maxCountedEntities
		if !e.More {
			e.Entities++
		}
		return !e.More
	})
}

// describe adds who made the editions that were requested, and why.
func (s *Service) describe(ctx context.Context, name string, editions []Edition) error {
	searches := make([]Search, 0, len(editions))
	var which []int
	for i := range editions {
		e := &editions[i]
		if e.By == namedByRequest {
			searches = append(searches, Search{Filter: e.holds(name), Order: OldestFirst, Limit: 1})
			which = append(which, i)
		}
	}
	return s.searchAll(ctx, searches, func(i int, p Page) {
		if d := first(p); d != nil && d.Context != nil {
			e := &editions[which[i]]
			e.Reason = d.Context.Reason
			if !d.Context.User.IsZero() {
				e.User, _ = json.Marshal(d.Context.User) // texts alone
			}
		}
	})
}

// holds holds for what gives entities this edition's name.
func (e *Edition) holds(name string) Filter {
	if e.By == namedByRequest {
		return And{Is(FieldVersionName, name), anyKindNamed, Is(FieldVersionID, e.ID)}
	}
	return And{Is(FieldVersionName, name), Or{namingChanges, namingRows}}
}

// editionOf returns the editions of a name, and which of them is asked for: the latest where edition is "", else by its number, by its id, or by "changes".
func (s *Service) editionOf(ctx context.Context, name, edition string) ([]Edition, int, error) {
	all, err := s.editions(ctx, []string{name})
	if err != nil {
		return nil, 0, err
	}
	editions := all[name]
	if len(editions) == 0 {
		return nil, 0, notFound("there is no version named %q, or you may see nothing of it", quoteShort(name))
	}
	if edition == "" {
		return editions, len(editions) - 1, nil
	}
	for i := range editions {
		if e := &editions[i]; strconv.Itoa(e.Edition) == edition || e.key() == edition {
			return editions, i, nil
		}
	}
	if _, err := strconv.ParseUint(edition, 10, 64); err != nil {
		return nil, 0, invalid("edition", "%q is no edition of %q: expected a number from 1 to %d", quoteShort(edition), quoteShort(name), len(editions))
	}
	return nil, 0, notFound("version %q has no edition %s: it has %d", quoteShort(name), quoteShort(edition), len(editions))
}

// key identifies the edition among those of its name, whatever is named after it: a number can move on when an older document arrives late.
func (e *Edition) key() string {
	if e.By == namedByRequest {
		return e.ID
	}
	return namedByChanges
}
