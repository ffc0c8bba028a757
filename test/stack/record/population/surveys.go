package population

import (
	"context"
	"fmt"
	"time"

	"dossier/requestcontext"
)

// surveys plans two rounds of interviews with the same persons. The survey application writes who and which request into the row; the gateway
// that the tablets go through tells the rest.
func (y *year) surveys() {
	interviewed := 60
	for round, name := range []string{"Household survey 2025 spring", "Household survey 2025 autumn"} {
		month := []time.Month{time.April, time.October}[round]
		for person := 1; person <= interviewed; person++ {
			if person == 66 {
				continue
			}
			y.answers++
			y.interview(y.answers, person, name, month, 1+(person-1)/3+round, fmt.Sprintf("%02d:%02d", 9+(person-1)%3*3, y.rand.IntN(60)))
		}
	}
}

func (y *year) interview(id, person int, survey string, month time.Month, day int, clock string) {
	user := aiko
	if person%2 == 0 {
		user = bruno
	}
	request := func() requestcontext.Context {
		rid := y.requestID()
		return requestcontext.Context{CorrelationID: rid, RequestID: rid, User: user, Initiator: requestcontext.InitiatorUser, Service: "survey-app",
			IP: fmt.Sprintf("198.51.100.%d", 40+person%20), UserAgent: tablet}
	}
	c := request()
	size, employed := 1+y.rand.IntN(5), y.rand.IntN(3) > 0
	var income any
	if y.rand.IntN(6) > 0 {
		income = fmt.Sprintf("%d.%02d", 900+y.rand.IntN(3200), y.rand.IntN(100))
	}
	answers := fmt.Sprintf(`{"heating": %q, "rooms": %d, "visit_minutes": %d.5}`, []string{"gas", "district", "electric"}[y.rand.IntN(3)], 1+y.rand.IntN(6), 10+y.rand.IntN(40))
	y.on(month, day, clock, func(ctx context.Context, at time.Time) error {
		by := author{status: "attached", user: user.ID, service: c.Service, version: survey}
		if id%9 == 0 {
			by.service = "" // sent past the gateway, from the office's network: the row itself tells who, and no more
		} else if err := y.site.gateway(at.Add(-250*time.Millisecond), c); err != nil {
			return err
		}
		return y.site.write(ctx, at, by, sql(`INSERT INTO survey_response (id, person_id, survey_name, household_size, income, employed, answers, updated_by, request_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, id, person, survey, size, income, employed, answers, user.ID, c.CorrelationID))
	})
	if id%7 != 3 {
		return
	}
	again := request()
	again.Reason = "asked again"
	y.on(month, day, "19:10", func(ctx context.Context, at time.Time) error {
		if err := y.site.gateway(at.Add(-250*time.Millisecond), again); err != nil {
			return err
		}
		return y.site.write(ctx, at, author{status: "attached", user: user.ID, service: again.Service, version: survey},
			sql("UPDATE survey_response SET income = $1, household_size = $2, request_id = $3 WHERE id = $4", fmt.Sprintf("%d.00", 800+10*id), size+1, again.CorrelationID, id))
	})
}
