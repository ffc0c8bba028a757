package population

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The sizes of the baseline. Persons who are picked at random for a change are among the first ones: the last are those to whom something
// particular happens.
const (
	households  = 44
	persons     = 120
	pickable    = 110
	enrolments  = 56
	firstImport = 201 // the first id of the persons that are imported in April
)

// year plans what happens from January to December, and keeps the little that one step must know of an earlier one.
type year struct {
	site     *site
	rand     *rand.Rand
	plan     []step
	people   map[int]somebody
	requests int
	files    int // the last document's id
	answers  int // the last survey response's id
}

// step is one thing that happens at a time.
type step struct {
	at  time.Time
	run func(ctx context.Context, at time.Time) error
}

// apart is the least time between two steps: more than what the connector's own delays differ by, so that the shifted times of all records keep
// their order.
const apart = 20 * time.Second

func newYear(s *site) *year {
	y := &year{site: s, rand: rand.New(rand.NewPCG(2025, 1)), people: map[int]somebody{}}
	y.invent()
	y.office()
	y.programmes()
	y.surveys()
	y.particular()
	slices.SortStableFunc(y.plan, func(a, b step) int { return a.at.Compare(b.at) })
	for i := 1; i < len(y.plan); i++ {
		if earliest := y.plan[i-1].at.Add(apart); y.plan[i].at.Before(earliest) {
			y.plan[i].at = earliest
		}
	}
	return y
}

// on plans a step. The time of day is given as in 09:14; seconds and less follow by themselves.
func (y *year) on(month time.Month, day int, clock string, run func(ctx context.Context, at time.Time) error) {
	var hour, minute int
	if _, err := fmt.Sscanf(clock, "%d:%d", &hour, &minute); err != nil {
		panic(err)
	}
	at := time.Date(2025, month, day, hour, minute, y.rand.IntN(60), 1000*y.rand.IntN(1_000_000), time.UTC)
	y.plan = append(y.plan, step{at, run})
}

// run makes the year happen.
func (y *year) run(ctx context.Context, say func(done, of int)) error {
	for i, s := range y.plan {
		if err := s.run(ctx, s.at); err != nil {
			return err
		}
		if i%100 == 99 {
			say(i+1, len(y.plan))
		}
	}
	return nil
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// baselineTime is when the rows of the baseline were written last, and snapshotTime when the connector read them first.
var (
	baselineTime = time.Date(2024, 12, 30, 16, 0, 0, 0, time.UTC)
	snapshotTime = time.Date(2025, 1, 2, 6, 0, 0, 0, time.UTC)
)

// invent makes up the persons of the baseline.
func (y *year) invent() {
	for id := 1; id <= persons; id++ {
		household := 1 + (id-1)%households
		family := familyNames[(household*7)%len(familyNames)]
		if id > 2*households {
			family = familyNames[y.rand.IntN(len(familyNames))]
		}
		age := 25 + y.rand.IntN(50)
		if id > 2*households {
			age = y.rand.IntN(18)
		}
		y.people[id] = somebody{givenNames[(id*11+id/7)%len(givenNames)], family, date(2025-age-1, time.Month(1+y.rand.IntN(12)), 1+y.rand.IntN(28)), household}
	}
	y.people[17] = somebody{"Elin", "Sandberg", date(1987, 5, 10), 17}
}

// baseline is what is in the database before the connector comes, loaded by COPY.
func (y *year) baseline() []table {
	house := table{"household", []string{"id", "street", "postcode", "municipality", "updated_at"}, nil}
	for id := 1; id <= households; id++ {
		house.rows = append(house.rows, []any{id, fmt.Sprintf("%s %d", streets[id%len(streets)], 1+id*3%60), postcodes[id%3], towns[id%3], baselineTime})
	}
	person := table{"person", []string{"id", "given_name", "family_name", "ssn", "born", "phone", "updated_at"}, nil}
	member := table{"household_member", []string{"household_id", "person_id", "relation", "since"}, nil}
	for id := 1; id <= persons; id++ {
		p := y.people[id]
		var number any
		if id <= 2*households {
			number = phone(y.rand)
		}
		person.rows = append(person.rows, []any{id, p.given, p.family, fmt.Sprintf("%s-%04d", p.born.Format("060102"), 1000+id*37%9000), p.born, number, baselineTime})
		relation := "child"
		switch {
		case id <= households:
			relation = "head"
		case id <= 2*households:
			relation = "partner"
		}
		since := p.born
		if relation != "child" {
			since = date(2010+id%14, time.Month(1+id%12), 1)
		}
		member.rows = append(member.rows, []any{p.household, id, relation, since})
	}
	return []table{house, person, member, y.baselineProgrammes(), y.baselineEnrolments()}
}

// table is rows for COPY.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// prose makes a text of about n characters, which reads like a letter.
func (y *year) prose(n int) string {
	words := strings.Fields("the household has been confirmed at its present address and the attached certificate was issued by the municipality on request of " +
		"the person named above according to section four of the registration act no further documents are required an appeal may be filed within thirty days")
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[y.rand.IntN(len(words))])
	}
	return b.String()
}
