package population

import (
	"context"
	"fmt"
	"time"
)

var programmes = []struct{ code, name, amount string }{
	{"CHILD", "Child allowance", "250.00"},
	{"HOUSING", "Housing allowance", "410.50"},
	{"CARE", "Care allowance", "389.25"},
	{"PENSION", "Basic pension", "1180.00"},
}

// indexationRequest is the request by which all allowances are raised: the one that the demo's page asks for.
const indexationRequest = "r-indexation-2025"

func (y *year) baselineProgrammes() table {
	t := table{"programme", []string{"code", "name", "monthly_amount", "open"}, nil}
	for _, p := range programmes {
		t.rows = append(t.rows, []any{p.code, p.name, p.amount, true})
	}
	return t
}

// baselineEnrolments: every second person gets something; person 17 has enrolment 9.
func (y *year) baselineEnrolments() table {
	t := table{"enrolment", []string{"id", "person_id", "programme_code", "status", "amount", "account", "since"}, nil}
	for id := 1; id <= enrolments; id++ {
		p := programmes[id%len(programmes)]
		t.rows = append(t.rows, []any{id, 2*id - 1, p.code, "active", p.amount, account(id), date(2020+id%5, time.Month(1+id%12), 1)})
	}
	return t
}

func account(n int) string { return fmt.Sprintf("NB%02d 0000 %04d 01", 10+n%80, 1000+n*83%9000) }

// returned are the payments that the bank sends back, by month.
var returned = map[time.Month]int{2: 14, 5: 23, 7: 30, 10: 41}

// programmes plans what the payments application does each month: it makes the payments due, and settles them over four days. It reports back
// what it could not pay.
func (y *year) programmes() {
	for month := time.January; month <= time.December; month++ {
		due := y.job("payments", "monthly run")
		y.on(month, 2, "07:15", func(ctx context.Context, at time.Time) error { // the ids tell month and enrolment
			return y.site.application(ctx, at, due, sql(`INSERT INTO payment (id, enrolment_id, person_id, period, amount, account, status, due)
				SELECT $1 * 1000 + id, id, person_id, $2, amount, account, 'due', $3 FROM enrolment WHERE status = 'active' ORDER BY id`,
				int(month), date(2025, month, 1).Format("2006-01"), date(2025, month, 6)))
		})
		for batch := range 4 {
			settle := y.job("payments", fmt.Sprintf("bank statement %d of 4", batch+1))
			y.on(month, 6+batch, "16:20", func(ctx context.Context, at time.Time) error {
				return y.site.application(ctx, at, settle, sql(`UPDATE payment SET status = 'paid', settled_at = $1
					WHERE period = $2 AND enrolment_id % 4 = $3 AND enrolment_id <> $4 AND status = 'due'`,
					at, date(2025, month, 1).Format("2006-01"), batch, returned[month]))
			})
		}
		if enrolment, ok := returned[month]; ok {
			y.sendBack(month, enrolment)
		}
	}
	y.on(6, 12, "10:05", func(_ context.Context, at time.Time) error {
		return y.site.feedback(at, map[string]any{"application": "payments", "status": "accepted", "message": "June accounts verified",
			"entity": map[string]string{"type": "enrolment", "id": "9"}})
	})
	// A feedback that says neither how it went nor of what: it is one to be looked at, not to be stored.
	y.on(6, 12, "10:06", func(_ context.Context, at time.Time) error {
		y.site.broken++
		return y.site.feedback(at, map[string]any{"application": "payments", "message": "batch 0612"})
	})
	indexation := y.desk(ines, "indexation 2025, decree 14")
	indexation.CorrelationID, indexation.RequestID = indexationRequest, indexationRequest
	y.on(7, 1, "06:30", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, indexation, sql("UPDATE programme SET monthly_amount = round(monthly_amount * 1.032, 2)"),
			sql("UPDATE enrolment SET amount = round(amount * 1.032, 2) WHERE status = 'active'"))
	})
}

func (y *year) sendBack(month time.Month, enrolment int) {
	id := int(month)*1000 + enrolment
	back := y.job("payments", "returned by the bank")
	y.on(month, 11, "09:10", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, back, sql("UPDATE payment SET status = 'returned' WHERE id = $1", id))
	})
	y.on(month, 11, "09:12", func(_ context.Context, at time.Time) error {
		return y.site.feedback(at, map[string]any{"application": "payments", "status": "rejected", "message": "account closed",
			"payload": map[string]any{"bank_code": "AC04", "attempt": 1}, "entity": map[string]string{"type": "payment", "id": fmt.Sprint(id)}})
	})
	again := y.desk(pavel, "new account, by letter")
	y.on(month, 18, "14:30", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, again, sql("UPDATE enrolment SET account = $1 WHERE id = $2", account(enrolment+100), enrolment),
			sql("UPDATE payment SET account = $1, status = 'due' WHERE id = $2", account(enrolment+100), id))
	})
	paid := y.job("payments", "second attempt")
	y.on(month, 21, "16:20", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, paid, sql("UPDATE payment SET status = 'paid', settled_at = $1 WHERE id = $2", at, id))
	})
	y.on(month, 21, "16:22", func(_ context.Context, at time.Time) error {
		return y.site.feedback(at, map[string]any{"application": "payments", "status": "accepted", "message": "paid to the new account",
			"payload": map[string]any{"attempt": 2}, "entity": map[string]string{"type": "payment", "id": fmt.Sprint(id)}})
	})
}
