package query

import (
	"slices"
	"strconv"
)

// contentPlace is what the pages of a version's entities hold on to, beside the last entity: the edition, though a later one may come between two pages, and how many entities the edition
// of changes has, which is counted once.
type contentPlace struct {
	edition  string // see Edition.key
	entities int64
	more     bool
}

func contentPlaceOf(editions []Edition, chosen *Edition) contentPlace {
	at := contentPlace{edition: chosen.key()}
	if i := slices.IndexFunc(editions, byChanges); i >= 0 {
		at.entities, at.more = editions[i].Entities, editions[i].More
	}
	return at
}

func byChanges(e Edition) bool { return e.By == namedByChanges }

// count puts the number of entities into the edition of changes.
func (c contentPlace) count(editions []Edition) {
	if i := slices.IndexFunc(editions, byChanges); i >= 0 {
		editions[i].Entities, editions[i].More = c.entities, c.more
	}
}

func (c contentPlace) texts() []string {
	return []string{c.edition, strconv.FormatInt(c.entities, 10), strconv.FormatBool(c.more)}
}

// takeContentPlace takes the place out of a cursor, which then holds the last entity alone; the zero value on the first page.
func takeContentPlace(p *page) (c contentPlace, err error) {
	g := p.after.group
	if g == nil {
		return c, nil
	}
	if len(g) != 5 {
		return c, invalid("cursor", `it is damaged: give the "next" of the page before, as it is`)
	}
	p.after.group = g[:2]
	c.edition = g[2]
	if c.entities, err = strconv.ParseInt(g[3], 10, 64); err != nil {
		return c, invalid("cursor", `it is damaged: give the "next" of the page before, as it is`)
	}
	c.more = g[4] == "true"
	return c, nil
}
