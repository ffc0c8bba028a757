package population

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dossier/requestcontext"
)

// Everybody here is invented; telephone numbers are of the range that is kept for fiction, addresses of those for documentation.
var (
	givenNames     = []string{"Elin", "Amara", "Jonas", "Mireille", "Tariq", "Sofia", "Henrik", "Naomi", "Pavel", "Ines", "Kofi", "Yuki", "Lucia", "Oskar", "Farah", "Mateo", "Ingrid", "Dario", "Leila", "Anton"}
	otherSpellings = []string{"Ellin", "Amarah", "Jonah", "Mireile", "Tarik", "Sophia", "Henrick", "Noemi", "Pawel", "Inês", "Kofie", "Yuuki", "Lucía", "Oscar", "Farrah", "Matteo", "Ingrith", "Darío", "Layla", "Antón"}
	familyNames    = []string{"Sandberg", "Okoro", "Lindqvist", "Marchetti", "Haddad", "Novak", "Virtanen", "Alvarez", "Tanaka", "Brandt", "Duarte", "Kowalski", "Moreau", "Petrov", "Asante"}
	streets        = []string{"Mill Lane", "Harbour Road", "Station Street", "Orchard Way", "Church Hill", "North Quay", "Linden Avenue", "Ferry Street"}
	towns          = []string{"Northby", "Westhaven", "Millbrook"}
	postcodes      = []string{"1040", "1120", "1310"}
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	edge    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	android = "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"
	tablet  = "SurveyApp/4.2 (Android 14; Galaxy Tab A9)"
)

// The registry's staff, and others who act.
var (
	marta  = staff("u-101", "Marta Lindqvist", "registrar")
	jonas  = staff("u-102", "Jonas Okafor", "registrar")
	ines   = staff("u-103", "Ines Duarte", "registrar", "supervisor")
	pavel  = staff("u-104", "Pavel Novak", "case-worker")
	lena   = staff("u-131", "Lena Weiss", "helpdesk")
	aiko   = staff("i-7", "Aiko Tanaka", "interviewer")
	bruno  = staff("i-12", "Bruno Silva", "interviewer")
	dbTeam = staff("dba-2", "Tomas Berg", "database-administrator")
)

func staff(id, name string, roles ...string) requestcontext.User {
	mail := ""
	for _, r := range name {
		switch {
		case r == ' ':
			mail += "."
		case 'A' <= r && r <= 'Z':
			mail += string(r - 'A' + 'a')
		default:
			mail += string(r)
		}
	}
	return requestcontext.User{ID: id, Name: name, Email: mail + "@registry.example", AccountID: "northby-office", Roles: roles}
}

// desk is a request of the registry's staff, at one of its desks.
func (y *year) desk(user requestcontext.User, reason string) requestcontext.Context {
	agent, host := firefox, 11
	if user.ID == jonas.ID || user.ID == pavel.ID {
		agent, host = edge, 12
	}
	id := y.requestID()
	return requestcontext.Context{CorrelationID: id, RequestID: id, TraceID: y.hex(32), User: user, Initiator: requestcontext.InitiatorUser, Service: "registry",
		IP: fmt.Sprintf("192.0.2.%d", host), UserAgent: agent, Reason: reason}
}

// portal is a request of a citizen, from a telephone.
func (y *year) portal(person int) requestcontext.Context {
	agent := iphone
	if person%2 == 0 {
		agent = android
	}
	id := y.requestID()
	return requestcontext.Context{CorrelationID: id, RequestID: id, TraceID: y.hex(32), Initiator: requestcontext.InitiatorUser, Service: "citizen-portal",
		User: requestcontext.User{ID: fmt.Sprintf("c-%d", person), Name: y.name(person), Roles: []string{"citizen"}},
		IP:   fmt.Sprintf("203.0.113.%d", 1+person%250), UserAgent: agent}
}

// job is a program that acts by itself.
func (y *year) job(service, reason string) requestcontext.Context {
	id := y.requestID()
	return requestcontext.Context{CorrelationID: id, RequestID: id, Initiator: requestcontext.InitiatorSystem, Service: service, IP: "192.0.2.200", Reason: reason}
}

func (y *year) requestID() string {
	y.requests++
	return fmt.Sprintf("r-%s-%04d", y.hex(6), y.requests)
}

func (y *year) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[y.rand.IntN(len(digits))]
	}
	return string(b)
}

func phone(r *rand.Rand) string { return fmt.Sprintf("555-01%02d", r.IntN(100)) }

// name is what a person is called at that point of the plan.
func (y *year) name(person int) string { return y.people[person].given + " " + y.people[person].family }

// somebody is the baseline's data of one person.
type somebody struct {
	given, family string
	born          time.Time
	household     int
}
