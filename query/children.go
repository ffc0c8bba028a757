package query

import (
	"context"
	"time"

	"dossier/schema"
)

// Children returns the entities whose parent an entity was at a time, as they were then, ordered by type and id. What has gone to another parent by then, or is gone, is none of
// them. A page may hold fewer than its limit: an entity that was a child at some time is counted before it is known whether it was at this one.
func (s *Service) Children(ctx context.Context, q ChildrenQuery) (*States, error) {
	ref, err := checkEntity(q.Type, q.ID)
	if err != nil {
		return nil, err
	}
	p, err := s.page(q.PageQuery, "children", q.Type, q.ID, q.ChildType, q.AsOf)
	if err != nil {
		return nil, err
	}
	at := p.now
	if q.AsOf != "" {
		if at, err = parseTime(q.AsOf, p.now); err != nil {
			return nil, invalid("as_of", "%v", err)
		}
	}
	ever := And{isKind(schema.DocumentRowVersion), Is(FieldParentType, ref.Type), Is(FieldParentID, ref.ID)}
	filter := append(ever[:len(ever):len(ever)], committedBy(at))
	if q.ChildType != "" {
		filter = append(filter, Is(FieldEntityType, q.ChildType))
	}
	answer := &States{Items: []State{}}
	after := p.after.group
	for range maxTurns {
		groups, err := s.Store.Groups(ctx, Groups{Filter: filter, By: []Field{FieldEntityType, FieldEntityID}, After: after, Limit: p.limit})
		if err != nil {
			return nil, err
		}
		looked := 0
		if answer.Items, looked, err = s.childrenAmong(ctx, ref, groups, at); err != nil {
			return nil, err
		}
		if answer.Next = ""; len(groups) == p.limit || looked < len(groups) {
			after = groups[looked-1].Key
			answer.Next = p.next(place{group: after})
		}
		if len(answer.Items) > 0 || answer.Next == "" {
			break
		}
	}
	if len(answer.Items) == 0 && answer.Next == "" && q.Cursor == "" {
		return answer, s.checkParent(ctx, ref, ever)
	}
	return answer, nil
}

// childrenAmong returns those entities that had the parent at the time. It ends early where their rows are large: looked is how many it has looked at.
func (s *Service) childrenAmong(ctx context.Context, parent Ref, groups []Group, at time.Time) (states []State, looked int, err error) {
	states = []State{}
	for size := 0; looked < len(groups) && size < MaxPageBytes; {
		part := groups[looked:min(looked+contentAtOnce, len(groups))]
		moments := make([]moment, len(part))
		for i, g := range part {
			moments[i] = moment{Ref{g.Key[0], g.Key[1]}, at}
		}
		all, err := s.statesAt(ctx, moments)
		if err != nil {
			return nil, 0, err
		}
		children := make([]*found, 0, len(all))
		for _, f := range all {
			if f == nil || f.status() != StatusPresent {
				continue
			}
			if p := f.row.Entity.Parent; p != nil && p.Type == parent.Type && p.ID == parent.ID {
				children = append(children, f)
			}
		}
		if err := s.complete(ctx, children); err != nil {
			return nil, 0, err
		}
		for _, f := range children {
			states = append(states, f.state())
			size += f.image.size()
		}
		looked += len(part)
	}
	return states, looked, nil
}

// checkParent tells a parent without children from an entity of which nothing is known.
func (s *Service) checkParent(ctx context.Context, ref Ref, ever Filter) error {
	pages, err := s.search(ctx, Search{Filter: ever, Limit: 1})
	if err != nil {
		return err
	}
	if len(pages[0].Documents) > 0 {
		return nil
	}
	known, err := s.known(ctx, ref)
	if err == nil && !known {
		err = errUnknown(ref)
	}
	return err
}
