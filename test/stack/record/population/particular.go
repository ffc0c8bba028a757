package population

import (
	"context"
	"time"

	"dossier/requestcontext"
)

// particular plans what happens once, and is worth finding.
func (y *year) particular() {
	y.imports()
	y.pastTheApplications()
	y.gatewayTrouble()
	do := func(month time.Month, day int, clock string, c requestcontext.Context, statements ...statement) {
		y.on(month, day, clock, func(ctx context.Context, at time.Time) error { return y.site.application(ctx, at, c, statements...) })
	}
	// Person 17 moves to another household, whose number is part of the key, and marries.
	do(3, 4, "10:12", y.desk(marta, "notice of removal"), sql("UPDATE household_member SET household_id = 31, since = '2025-03-01' WHERE household_id = 17 AND person_id = 17"))
	do(9, 12, "11:02", y.desk(marta, "marriage, certificate 2025/811"), sql("UPDATE person SET family_name = 'Sandberg Haddad' WHERE id = 17"))
	// Two offices had given out the same number: the person gets another one, and all that refers to it follows.
	do(4, 22, "08:50", y.desk(ines, "number given out twice"), sql("UPDATE person SET id = 1097 WHERE id = 97"))
	// A death ends what was paid.
	do(11, 20, "13:25", y.desk(marta, "death, certificate 2025/1204"), sql("UPDATE person SET died = '2025-11-18' WHERE id = 66"),
		sql("DELETE FROM household_member WHERE person_id = 66"))
	for _, id := range []int{118, 119, 120} {
		do(11, 3, "15:00", y.desk(ines, "entered twice"), sql("DELETE FROM person WHERE id = $1", id))
	}
	do(6, 3, "09:30", y.desk(ines, "number corrected"), sql("UPDATE person SET ssn = '870510-1648' WHERE id = 17"))
	do(2, 26, "12:00", y.desk(marta, "withdrawn"), sql("DELETE FROM document WHERE id = 2"))

	// In the middle of the year the registry learns to note in which language to write to somebody.
	y.on(6, 30, "21:00", func(ctx context.Context, at time.Time) error {
		return y.site.direct(ctx, at, sql("ALTER TABLE person ADD COLUMN language text"))
	})
	do(7, 1, "02:00", y.job("migration", "language of the municipality"), sql("UPDATE person SET language = 'en' WHERE id BETWEEN 1 AND 30"))
	do(7, 9, "20:14", y.portal(17), sql("UPDATE person SET language = 'sv' WHERE id = 17"))

	// The year is closed: what it says of households is a version with a name.
	closing := y.desk(ines, "the year is closed")
	closing.VersionName = "Register 2025"
	do(12, 30, "17:00", closing, sql("UPDATE household SET confirmed = '2025-12-30'"))
}

// imports: another authority's file is loaded into a table of its own, taken over, and that table is emptied.
func (y *year) imports() {
	const lines = 40
	load, take, empty := y.desk(jonas, "births and arrivals, file 2025-04"), y.desk(jonas, "births and arrivals, file 2025-04"), y.desk(jonas, "file 2025-04 is done")
	load.Service, take.Service, empty.Service = "import", "import", "import"
	var rows [][]any
	for i := 1; i <= lines; i++ {
		rows = append(rows, []any{i, givenNames[y.rand.IntN(len(givenNames))], familyNames[y.rand.IntN(len(familyNames))], date(2025, 1, 1).AddDate(0, 0, i*2), towns[i%3]})
	}
	y.on(4, 8, "08:00", func(ctx context.Context, at time.Time) error {
		return y.site.copyIn(ctx, at, load, "import_person", []string{"line", "given_name", "family_name", "born", "municipality"}, rows)
	})
	y.on(4, 8, "08:04", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, take,
			sql("INSERT INTO person (id, given_name, family_name, born, updated_at) SELECT $1 + line - 1, given_name, family_name, born, $2 FROM import_person ORDER BY line", firstImport, at),
			sql("INSERT INTO household_member SELECT line, $1 + line - 1, 'child', born FROM import_person ORDER BY line", firstImport))
	})
	y.on(4, 8, "08:06", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, empty, sql("TRUNCATE import_person"))
	})
}

// pastTheApplications is direct SQL: two pieces of work that nobody answers for, one of which should never have been, and one of which the
// bastion host that database administrators go through tells later.
func (y *year) pastTheApplications() {
	y.on(5, 14, "22:41", func(ctx context.Context, at time.Time) error {
		return y.site.direct(ctx, at, sql("UPDATE person SET phone = '+1 ' || phone WHERE phone LIKE '555-%' AND id % 2 = 1"))
	})
	y.on(8, 4, "23:12", func(ctx context.Context, at time.Time) error {
		return y.site.direct(ctx, at, sql("UPDATE payment SET amount = amount * 10, account = 'NB66 0000 6666 01' WHERE id = 8009"))
	})
	restored := y.desk(ines, "restored after audit finding AF-25-08")
	y.on(8, 5, "09:20", func(ctx context.Context, at time.Time) error {
		return y.site.application(ctx, at, restored, sql("UPDATE payment SET amount = e.amount, account = e.account FROM enrolment e WHERE e.id = payment.enrolment_id AND payment.id = 8009"))
	})
	session := requestcontext.Context{User: dbTeam, Initiator: requestcontext.InitiatorUser, Service: "bastion", IP: "192.0.2.90", Reason: "REG-482, postcodes of Northby"}
	var number uint64
	y.on(9, 25, "19:30", func(ctx context.Context, at time.Time) error {
		err := y.site.write(ctx, at, author{status: "late", user: dbTeam.ID, service: session.Service}, sql("UPDATE household SET postcode = '1041' WHERE municipality = 'Northby' AND id <= 30"))
		number = y.site.last().id
		return err
	})
	y.on(9, 25, "19:36", func(_ context.Context, at time.Time) error { return y.site.bastion(at, number, session) })
}

// gatewayTrouble: the gateway's records come minutes after the changes; two of them contradict each other; one is none.
func (y *year) gatewayTrouble() {
	for i, household := range []int{5, 11, 26} {
		c := y.desk(jonas, "notice of removal")
		clock, later := []string{"10:02", "10:03", "10:04"}[i], []string{"10:10", "10:11", "10:12"}[i]
		y.on(10, 9, clock, func(ctx context.Context, at time.Time) error {
			return y.site.behindGateway(ctx, at, c, author{status: "late", user: c.User.ID, service: "addresses"},
				sql("UPDATE household SET street = $1, updated_at = $2 WHERE id = $3", "New Quay "+clock[3:], at, household))
		})
		y.on(10, 9, later, func(_ context.Context, at time.Time) error { return y.site.gateway(at, c) })
	}
	one := y.desk(marta, "notice of removal")
	two := one
	two.User = pavel
	y.on(10, 10, "11:30", func(ctx context.Context, at time.Time) error {
		for _, c := range []requestcontext.Context{one, two} {
			if err := y.site.gateway(at.Add(-300*time.Millisecond), c); err != nil {
				return err
			}
		}
		return y.site.behindGateway(ctx, at, one, author{status: "ambiguous", service: "addresses"},
			sql("UPDATE household SET street = 'Mill Lane 99', updated_at = $1 WHERE id IN (12, 40)", at))
	})
	y.on(12, 15, "12:00", func(_ context.Context, at time.Time) error {
		y.site.send(at, "request-context", "r-broken", `{"correlation_id":"r-broken","user":`)
		y.site.broken++
		return nil
	})
}
