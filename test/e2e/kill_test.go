package e2e

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"dossier/test/stack"
)

// TestKilledInstances: two processors and two sinks share the work and are killed in the midst of it, again and again, and then Kafka Connect
// with the connector. Each event is on the audit topic once, and the documents are the truth.
func TestKilledInstances(t *testing.T) {
	s := start(t)
	source := unique("e2ekill")
	d := s.deploy(t, deployment{Name: source, Sources: []string{source}})
	a := s.newApplication(t, source, d.Contexts())
	s.capture(t, a, "postgres-json.json")

	g := &gang{deployment: d, admin: kadm.NewClient(s.kafka(t))}
	for _, role := range [...]string{"processor", "sink", "processor", "sink"} {
		g.running = append(g.running, d.start(t, role))
		g.roles = append(g.roles, role)
	}
	a.scenarios(t)
	working, end := context.WithCancel(t.Context())
	killed := make(chan error, 1)
	go func() {
		defer end()
		killed <- g.killAgainAndAgain(t)
	}()
	a.live(working, t, 2, 3, math.MaxInt, 200*time.Millisecond)
	check(t, <-killed)
	d.check(t, a, g.running...)
	d.checkLetters(t, 0)
	for _, p := range g.running {
		p.stop(t)
	}
}

// gang is some processes of one deployment. It belongs to the goroutine of killAgainAndAgain until that ends.
type gang struct {
	*deployment
	admin   *kadm.Client
	roles   []string
	running []*process
}

// killAgainAndAgain kills each process once while there is work for it: more has been published, or stored, since the last kill, and
// the application goes on.
func (g *gang) killAgainAndAgain(t *testing.T) error {
	for _, victims := range [][]int{{0}, {2, 1}, {3}, {0}} {
		before, err := g.progress(t.Context(), 200)
		if err != nil {
			return err
		}
		for _, i := range victims {
			g.running[i].kill()
		}
		for _, i := range victims {
			p, err := g.spawn(t, g.roles[i])
			if err != nil {
				return err
			}
			g.running[i] = p
		}
		t.Logf("killed and started again %v, with %d records on the audit topic", victims, before)
	}
	if err := g.killConnect(t); err != nil {
		return err
	}
	_, err := g.progress(t.Context(), 200)
	return err
}

// killConnect ends Kafka Connect while it is at work. The connector goes on where it was, perhaps within a transaction of the database; of the
// Kafka transaction that it had open nothing may be seen.
func (g *gang) killConnect(t *testing.T) error {
	if g.stack == nil { // one that somebody else started, and may need
		return nil
	}
	before, err := g.progress(t.Context(), 200)
	if err != nil {
		return err
	}
	if err := g.stack.Kill(stack.Connect); err != nil {
		return err
	}
	t.Logf("killed Kafka Connect, with %d records on the audit topic", before)
	return g.stack.Restart(t.Context(), stack.Connect)
}

// progress waits until the audit topic has grown by so many records since it was called, and returns how many it has then, aborted
// ones and markers included.
func (g *gang) progress(ctx context.Context, by int64) (int64, error) {
	first := int64(-1)
	deadline := time.Now().Add(patience)
	for {
		ends, err := g.admin.ListCommittedOffsets(ctx, g.Audit())
		if err != nil {
			return 0, err
		}
		now := int64(0)
		ends.Each(func(o kadm.ListedOffset) { now += o.Offset })
		if first < 0 {
			first = now
		}
		switch {
		case now >= first+by:
			return now, nil
		case time.Now().After(deadline):
			return 0, fmt.Errorf("the audit topic has %d records, only %d more than %v ago, while the application works", now, now-first, patience)
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
}
