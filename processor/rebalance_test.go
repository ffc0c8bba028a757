package processor_test

import (
	"fmt"
	"testing"
	"time"

	"dossier/processor"
	"dossier/schema"
)

// Instances come and go while changes stream in: every change is published once, in its entity's order.
func TestInstancesComeAndGo(t *testing.T) {
	c := newCluster(t)
	const rounds, entities = 60, 20
	config := processor.Config{CommitInterval: 20 * time.Millisecond, SessionTimeout: 6 * time.Second}
	_, stopFirst := c.start(config)
	var stopSecond func()
	tx := 0
	for round := range rounds {
		for entity := range entities {
			tx++
			c.message(tx, 1, fmt.Sprintf(`{"user":{"id":"u%d"}}`, tx))
			c.update(tx, entity, 2, fmt.Sprint(round), fmt.Sprint(round+1))
			c.end(tx, 1, 1)
		}
		switch round {
		case 10, 40:
			_, stopSecond = c.start(config)
		case 20:
			stopSecond()
		case 30:
			stopFirst()
			_, stopFirst = c.start(config)
		}
	}
	last := make(map[string]int)
	seen := make(map[string]bool)
	for _, e := range c.events(rounds * entities) {
		if seen[e.ID] {
			t.Errorf("event %s twice", e.ID)
		}
		seen[e.ID] = true
		var from, to int
		fmt.Sscanf(string(e.Changes[0].Previous.JSON)+string(e.Changes[0].Current.JSON), `"%d""%d"`, &from, &to)
		if from != last[e.Entity.ID] {
			t.Errorf("entity %s: %d -> %d after %d", e.Entity.ID, from, to, last[e.Entity.ID])
		}
		last[e.Entity.ID] = to
		if want := fmt.Sprintf("u%d", e.CDC.TxID); e.Context.Status != schema.StatusAttached || e.Context.User.ID != want {
			t.Errorf("transaction %d: %s by %q", e.CDC.TxID, e.Context.Status, e.Context.User.ID)
		}
	}
}
