package query

import (
	"context"
	"strings"
	"time"

	"dossier/schema"
)

// point is where in an entity's life a question looks: at one of these.
type point struct {
	parameter string // the parameter that says so, for errors
	time      time.Time
	version   string // with edition, unless it is the latest
	edition   string
	position  string
	event     string
}

// point reads where a question for a state looks.
func (q *StateQuery) point(now time.Time) (point, error) {
	given, name := 0, ""
	for _, p := range []struct{ name, text string }{{"as_of", q.AsOf}, {"version", q.Version}, {"position", q.Position}, {"event", q.Event}} {
		if p.text == "" {
			continue
		}
		if given++; given > 1 {
			return point{}, invalid(p.name, "%s is given as well: ask by one of as_of, version, position and event", name)
		}
		name = p.name
	}
	if q.Edition != "" && q.Version == "" {
		return point{}, invalid("edition", "it is given without a version: expected version=NAME as well")
	}
	switch name {
	case "version":
		return point{parameter: name, version: q.Version, edition: q.Edition}, nil
	case "position":
		return positionPoint(name, q.Position)
	case "event":
		return point{parameter: name, event: q.Event}, nil
	case "as_of":
		return timePoint(name, q.AsOf, now)
	}
	return point{time: now}, nil
}

func timePoint(parameter, text string, now time.Time) (point, error) {
	t, err := parseTime(text, now)
	if err != nil {
		return point{}, invalid(parameter, "%v", err)
	}
	return point{parameter: parameter, time: t}, nil
}

// positionPoint reads a position. Positions are compared as texts, so that one that is not padded, such as a bare LSN, would stand behind every change.
func positionPoint(parameter, text string) (point, error) {
	padded, _, _ := strings.Cut(schema.FormatPosition(0, 0, 0), "-")
	first, _, more := strings.Cut(text, "-")
	if len(text) > 128 || strings.Trim(text, "0123456789ABCDEF-") != "" || len(first) != len(padded) || !more {
		return point{}, invalid(parameter, "%s is no position: expected one as a change's cdc.position gives it, such as %s", shown(text), schema.FormatPosition(26375504, 26375672, 1))
	}
	return point{parameter: parameter, position: text}, nil
}

// diffPoint reads one side of a comparison: a time, version:NAME, version:NAME@EDITION, event:ID or position:P. Behind the last @ of a name stands an edition where it is a
// number; a name that itself ends so stands in double quotes, behind which any edition may follow.
func diffPoint(parameter, text string, now time.Time) (point, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case kind != "version" && kind != "event" && kind != "position":
		p, err := timePoint(parameter, text, now)
		if err != nil && len(text) <= 64 {
			return p, invalid(parameter, "%q is none of the things that can be compared: expected a time (RFC 3339, a day, -7d), version:NAME, version:NAME@EDITION, event:ID or position:P", text)
		}
		return p, err
	case rest == "":
		return point{}, invalid(parameter, "nothing stands behind %s:", kind)
	case kind == "event":
		return point{parameter: parameter, event: rest}, nil
	case kind == "position":
		return positionPoint(parameter, rest)
	}
	p := point{parameter: parameter, version: rest}
	if end := strings.LastIndexByte(rest, '"'); rest[0] == '"' && end > 1 {
		switch edition, given := strings.CutPrefix(rest[end+1:], "@"); {
		case end == len(rest)-1:
			p.version = rest[1:end]
			return p, nil
		case given && edition != "":
			p.version, p.edition = rest[1:end], edition
			return p, nil
		}
	}
	if at := strings.LastIndexByte(rest, '@'); at > 0 && at < len(rest)-1 && strings.Trim(rest[at+1:], "0123456789") == "" {
		p.version, p.edition = rest[:at], rest[at+1:]
	}
	return p, nil
}

// find returns an entity as it was at a point.
func (s *Service) find(ctx context.Context, ref Ref, p point) (*found, error) {
	switch {
	case p.event != "":
		return s.findEvent(ctx, ref, p)
	case p.position != "":
		return s.findPosition(ctx, ref, p)
	case p.version != "":
		return s.findVersion(ctx, ref, p)
	}
	all, err := s.statesAt(ctx, []moment{{ref, p.time}})
	if err != nil {
		return nil, err
	}
	if all[0] == nil {
		return nil, errUnknown(ref)
	}
	return all[0], nil
}

// findEvent returns the entity as a change left it. The change may have happened to it under another of its ids.
func (s *Service) findEvent(ctx context.Context, ref Ref, p point) (*found, error) {
	if len(p.event) > maxName {
		return nil, invalid(p.parameter, "it is longer than any event id")
	}
	pages, err := s.search(ctx, Search{Limit: 2, Filter: And{
		Is(FieldEventID, p.event), anyKind(schema.DocumentRowVersion, schema.DocumentTruncate), Is(FieldEntityType, ref.Type)}})
	if err != nil {
		return nil, err
	}
	d := first(pages[0])
	switch {
	case d == nil:
		return nil, s.notOf(ctx, ref, "event %s", p.event)
	case d.Kind == schema.DocumentTruncate:
		return s.findBy(ctx, ref, d)
	case d.Entity.ID == ref.ID:
		return &found{ref: ref, version: version{row: d}}, nil
	}
	life, err := s.life(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !life.holds(d) {
		return nil, s.notOf(ctx, ref, "event %s", p.event)
	}
	return &found{ref: refOf(d), version: version{row: d}}, nil
}

// notOf is the answer where an entity has no such thing: 404 either way, but it says whether the entity is there.
func (s *Service) notOf(ctx context.Context, ref Ref, format string, args ...any) error {
	known, err := s.known(ctx, ref)
	switch {
	case err != nil:
		return err
	case !known:
		return errUnknown(ref)
	}
	return notFound("%s %s has no "+format, append([]any{ref.Type, ref.ID}, args...)...)
}

// findPosition returns the entity as it was after a position of its source's log.
func (s *Service) findPosition(ctx context.Context, ref Ref, p point) (*found, error) {
	const sources = 16
	groups, err := s.Store.Groups(ctx, Groups{Filter: ref.versions(), By: []Field{FieldSource}, Limit: sources})
	if err != nil {
		return nil, err
	}
	var searches []Search
	for _, g := range groups {
		searches = append(searches, Search{Limit: 1, Order: CommitOrderReverse, Filter: And{
			ref.versions(), Is(FieldSource, g.Key[0]), Not{Beyond{FieldPosition, p.position}}}})
	}
	var there, exact []*schema.Document
	err = s.searchAll(ctx, searches, func(_ int, page Page) {
		if d := first(page); d != nil {
			if there = append(there, d); d.CDC.Position == p.position {
				exact = append(exact, d)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if len(groups) > 1 {
		if there = exact; len(exact) != 1 {
			return nil, invalid(p.parameter, "%s %s has versions from several sources, such as %s and %s, whose positions cannot be compared: ask by time, or by the position of one of its changes",
				ref.Type, ref.ID, groups[0].Key[0], groups[1].Key[0])
		}
	}
	f := &found{ref: ref}
	if len(there) == 0 {
		return f, s.began(ctx, f)
	}
	f.row = there[0]
	if f.row.After == nil {
		return f, nil
	}
	search := truncateOf(f.row, latest)
	search.Filter = And{search.Filter, Not{Beyond{FieldPosition, p.position}}}
	pages, err := s.search(ctx, search)
	if err != nil {
		return nil, err
	}
	f.truncate = firstAfter(pages[0], f.row)
	return f, nil
}

// beyondRow holds for what stands after a row version in its source.
func beyondRow(row *schema.Document) Filter {
	if placed(row) {
		return beyond(row)
	}
	return And{sameSource(row), Between{Field: FieldTime, From: row.Time}}
}

// began is beginnings for one entity: what nobody knows is an error.
func (s *Service) began(ctx context.Context, f *found) error {
	all := []*found{f}
	if err := s.beginnings(ctx, all); err != nil {
		return err
	}
	if all[0] == nil {
		return errUnknown(f.ref)
	}
	return nil
}

// findBy returns the entity as a truncate left it.
func (s *Service) findBy(ctx context.Context, ref Ref, truncate *schema.Document) (*found, error) {
	pages, err := s.search(ctx, before(truncate, ref.versions()), baselineBefore(truncate, ref.versions()))
	if err != nil {
		return nil, err
	}
	f := &found{ref: ref}
	f.row = latestOf(lastBefore(pages[0], truncate), lastBefore(pages[1], truncate))
	switch {
	case f.row == nil:
		return f, s.began(ctx, f)
	case f.row.After != nil && f.row.CDC.Schema == truncate.CDC.Schema && f.row.CDC.Table == truncate.CDC.Table:
		f.truncate = truncate
	}
	return f, nil
}

// findVersion returns the entity as a named version holds it.
func (s *Service) findVersion(ctx context.Context, ref Ref, p point) (*found, error) {
	target, err := s.resolveVersion(ctx, p.version, p.edition, ref)
	if err != nil {
		return nil, err
	}
	all, err := s.statesIn(ctx, []Ref{ref}, []versionTarget{target})
	if err != nil {
		return nil, err
	}
	if all[0] == nil {
		return nil, errUnknown(ref)
	}
	if target.naming != nil {
		all[0].asOf = &target.at
	}
	return all[0], nil
}
