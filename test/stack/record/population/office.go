package population

import (
	"context"
	"fmt"
	"time"

	"dossier/requestcontext"
)

// office plans the daily work: what registrars, case workers and citizens change on weekdays.
func (y *year) office() {
	clocks := []string{"08:35", "09:50", "11:20", "13:40", "15:05", "18:30"}
	for day := date(2025, 1, 3); day.Year() == 2025; day = day.AddDate(0, 0, 1) {
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday || day.YearDay() > 357 {
			continue
		}
		first := y.rand.IntN(2)
		for i := range 1 + y.rand.IntN(3) {
			y.on(day.Month(), day.Day(), clocks[min(first+2*i, len(clocks)-1)], y.something())
		}
	}
}

// something picks what is done next.
func (y *year) something() func(context.Context, time.Time) error {
	person := 1 + y.rand.IntN(pickable)
	if person == 97 || person == 66 { // one gets a new number, one dies
		person++
	}
	switch n := y.rand.IntN(100); {
	case n < 30:
		return y.newPhone(person)
	case n < 42:
		return y.spelling(person)
	case n < 64:
		return y.moved(1 + y.rand.IntN(households))
	case n < 80 && y.files > 4:
		return y.reviewDocument(1 + y.rand.IntN(y.files))
	case n < 92:
		return y.newDocument(person)
	default:
		return y.decide(1 + y.rand.IntN(enrolments))
	}
}

func (y *year) newPhone(person int) func(context.Context, time.Time) error {
	number, c := phone(y.rand), y.portal(person)
	if person%8 == 1 { // somebody who called, and has it done
		c.OnBehalfOf = c.User.ID
		c.User, c.Service, c.IP, c.UserAgent, c.Reason = lena, "registry", "192.0.2.31", firefox, "asked for by telephone"
	}
	return func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, c, sql("UPDATE person SET phone = $1, updated_at = $2 WHERE id = $3", number, at, person))
	}
}

func (y *year) spelling(person int) func(context.Context, time.Time) error {
	c := y.desk(marta, "spelling, as in the birth certificate")
	somebody := y.people[person]
	for i, name := range givenNames { // the other spelling of the two
		switch somebody.given {
		case name:
			somebody.given = otherSpellings[i]
		case otherSpellings[i]:
			somebody.given = name
		default:
			continue
		}
		break
	}
	y.people[person] = somebody
	given := somebody.given
	return func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, c, sql("UPDATE person SET given_name = $1, updated_at = $2 WHERE id = $3", given, at, person))
	}
}

// moved gives a household another address. The service that writes knows only the request's id; the gateway before it knows the rest.
func (y *year) moved(household int) func(context.Context, time.Time) error {
	c := y.desk(jonas, "notice of removal")
	street, town := fmt.Sprintf("%s %d", streets[y.rand.IntN(len(streets))], 1+y.rand.IntN(80)), y.rand.IntN(len(towns))
	return func(ctx context.Context, at time.Time) error {
		if err := y.site.gateway(at.Add(-400*time.Millisecond), c); err != nil {
			return err
		}
		return y.site.behindGateway(ctx, at, c, author{status: "attached", user: c.User.ID, service: "addresses"},
			sql("UPDATE household SET street = $1, postcode = $2, municipality = $3, updated_at = $4 WHERE id = $5", street, postcodes[town], towns[town], at, household))
	}
}

// behindGateway makes a transaction of a service that knows only the request's id.
func (s *site) behindGateway(ctx context.Context, at time.Time, c requestcontext.Context, by author, statements ...statement) error {
	own := requestcontext.Context{CorrelationID: c.CorrelationID, Service: "addresses"}
	return s.write(requestcontext.With(ctx, own), at, by, statements...)
}

func (y *year) newDocument(person int) func(context.Context, time.Time) error {
	y.files++
	id, body := y.files, y.prose(2600+y.rand.IntN(1500))
	title := []string{"Certificate of residence", "Extract from the register", "Decision on allowance"}[id%3]
	c := y.desk(pavel, "")
	if id%3 == 2 {
		c = y.desk(ines, "decision")
	}
	return func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, c, sql("INSERT INTO document (id, person_id, title, status, body, updated_at) VALUES ($1, $2, $3, 'draft', $4, $5)",
			id, person, title, body, at))
	}
}

// reviewDocument changes a document, mostly without its text.
func (y *year) reviewDocument(id int) func(context.Context, time.Time) error {
	c := y.desk(ines, "reviewed")
	set, value := "status = $1", any([]string{"reviewed", "issued", "archived"}[y.rand.IntN(3)])
	if y.rand.IntN(4) == 0 {
		c.Reason = "text corrected"
		set, value = "body = $1", y.prose(2600+y.rand.IntN(1500))
	}
	return func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, c, sql("UPDATE document SET "+set+", updated_at = $2 WHERE id = $3", value, at, id))
	}
}

func (y *year) decide(enrolment int) func(context.Context, time.Time) error {
	c := y.desk(pavel, "income has changed")
	amount := fmt.Sprintf("%d.%02d", 180+y.rand.IntN(900), 25*y.rand.IntN(4))
	return func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, c, sql("UPDATE enrolment SET amount = $1 WHERE id = $2 AND status = 'active'", amount, enrolment))
	}
}
