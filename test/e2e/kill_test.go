package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestKilledInstances: two processors and two sinks share the work and are killed in the midst of it, again and again. Each event is
// on the audit topic once, and the documents are the truth.
func TestKilledInstances(t *testing.T) {
	s := start(t)
	source := unique("e2ekill")
	d := s.deploy(t, deployment{Name: source, Sources: []string{source}})
	a := s.newApplication(t, source, d.Contexts())
	s.capture(t, a, "postgres-json.json")

	var running [4]*process
	roles := [...]string{"processor", "sink", "processor", "sink"}
	for i, role := range roles {
		running[i] = d.start(t, role)
	}
	ctx, endOfWork := context.WithCancel(t.Context())
	killed := make(chan []int64, 1)
	go func() {
		var at []int64 // how much had been published at each kill of a processor
		victims := [...]int{0, 2, 1, 0, 3, 2}
		for _, i := range victims {
			select {
			case <-ctx.Done():
			case <-time.After(2500 * time.Millisecond):
			}
			if roles[i] == "processor" {
				at = append(at, s.published(ctx, d.Audit()))
			}
			running[i].kill()
			p, err := d.spawn(t, roles[i])
			if err != nil {
				t.Error(err)
				break
			}
			running[i] = p
		}
		killed <- at
	}()
	a.work(t, 4, 150)
	endOfWork()
	at := <-killed
	t.Logf("records on the audit topic when processors were killed: %v", at)
	d.check(t, a, running[:]...)
	midWork := 0
	for i := range at {
		if at[i] > 0 && (i+1 == len(at) || at[i] < at[len(at)-1]) {
			midWork++
		}
	}
	if midWork == 0 {
		t.Errorf("no processor was killed in the midst of its work")
	}
	for _, p := range running {
		p.stop(t)
	}
}

// published is how far the audit topic's partitions have been written, aborted records and markers included; 0 if that cannot be told.
func (s *servers) published(ctx context.Context, topic string) int64 {
	client, err := s.newKafka()
	if err != nil {
		return 0
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}
