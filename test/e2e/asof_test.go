package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// asOfPairs is how many pairs of an entity and a time are asked for.
const asOfPairs = 400

// checkAsOf asks for entities at random times: the row that the database had, as replaying the triggers' records up to that time gives it.
func (r *reader) checkAsOf(t *testing.T, w *world) {
	random := rand.New(rand.NewPCG(1, 2))
	all := w.entities()
	eventful := sample(all, len(all)/8, w.eventful)
	byType := map[string][]string{}
	for _, entity := range all {
		typ, _ := typeAndID(entity)
		byType[typ] = append(byType[typ], entity)
	}
	types := sortedKeys(byType)
	var questions []question
	statuses := map[string]int{}
	for i := range asOfPairs {
		of := byType[types[random.IntN(len(types))]] // most rows are of one table
		entity := of[random.IntN(len(of))]
		if i%3 == 0 && len(eventful) > 0 {
			entity = eventful[random.IntN(len(eventful))]
		}
		at := w.moment(random, entity)
		q := question{kind: "as of", path: entityPath(entity, "", "as_of", at.Format(time.RFC3339Nano)), read: readState}
		if state := w.asOf(entity, at); state != nil {
			q.want = plain(state.told()...)
			statuses[state.status]++
		} else {
			q.want = plain(w.notYet(entity)...)
			statuses["not_yet"]++
		}
		questions = append(questions, q)
	}
	t.Logf("%d states at random times: %v", len(questions), statuses)
	r.ask(t, r.readers, questions)
}

// notYet is what is said of an entity before its first change.
func (w *world) notYet(entity string) lines {
	first := w.turns[entity][0].version
	var l lines
	l.add("entity", entity)
	l.add("scope", first.Scope)
	l.add("status", "not_yet")
	l.add("previous id", first.PreviousID)
	return l
}

// moment chooses a time in the life of an id: before, at, just before and just after one of its changes, between two, or after the last.
func (w *world) moment(r *rand.Rand, entity string) time.Time {
	turns := w.turns[entity]
	i := r.IntN(len(turns))
	at := turns[i].at
	switch r.IntN(7) {
	case 0:
		return at.Add(-time.Nanosecond)
	case 1:
		return at.Add(time.Nanosecond)
	case 2:
		return at.Add(-time.Duration(r.Int64N(int64(time.Hour))))
	case 3: // between it and the next of another transaction
		for _, next := range turns[i:] {
			if next.at.After(at) {
				return at.Add(time.Duration(r.Int64N(int64(next.at.Sub(at)))))
			}
		}
		return w.end.Add(time.Microsecond)
	case 4: // at a commit of any other row
		return w.events[r.IntN(len(w.events))].Time
	}
	return at
}
