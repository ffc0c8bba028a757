package e2e

import (
	"fmt"
	"testing"
	"time"

	"dossier/test/stack"
)

// unique makes a name that no other run has used: for a source, which is also a prefix of topics.
func unique(prefix string) string {
	return fmt.Sprintf("%s%d", prefix, time.Now().UnixNano()/1e6%1_000_000_000)
}

// newApplication makes an audited application with its database.
func (s *servers) newApplication(t *testing.T, source, contexts string) *application {
	t.Helper()
	a := &application{source: source, dsn: s.database(t, source), kafka: s.kafka(t), topic: contexts}
	a.setUp(t)
	return a
}

// scenarios runs every scenario.
func (a *application) scenarios(t *testing.T) {
	t.Helper()
	for _, s := range scenarios {
		began := time.Now()
		s.run(t, a)
		t.Logf("%-62s %4d ms", s.name, time.Since(began).Milliseconds())
	}
}

// TestHistory: whatever an application does, the documents are the truth, in JSON and in Avro.
func TestHistory(t *testing.T) {
	s := start(t, stack.OpenSearchSecure)
	for _, format := range []string{"json", "avro"} {
		t.Run(format, func(t *testing.T) {
			source := unique("e2e" + format)
			d := s.deploy(t, deployment{Name: source, Sources: []string{source}, Format: format, Feedback: "feedback-" + source})
			a := s.newApplication(t, source, d.Contexts())
			s.capture(t, a, "postgres-"+format+".json")
			p := d.start(t, "processor,sink")
			a.scenarios(t)
			letters := d.poisonTopics(t, a, format)
			a.live(t.Context(), t, 1, 4, 100, 0)
			d.check(t, a, p)
			d.checkLetters(t, letters)
			if format == "json" {
				t.Run("questions", func(t *testing.T) { d.checkQuestions(t, a) })
			}
			p.stop(t)
			if format == "json" { // whose times can be moved in the text
				t.Run("an hour-old backlog", func(t *testing.T) { d.checkBacklog(t, a) })
			}
		})
	}
}

// check waits until all is stored and compares it with the truth.
func (d *deployment) check(t *testing.T, a *application, running ...*process) {
	t.Helper()
	tr := readTruth(t, a.dsn)
	want := expectedEvents(a.source, tr)
	n := 0
	for i := range want {
		n += len(want[i].documents())
	}
	began := time.Now()
	d.stored(t, a.source, n)
	t.Logf("%d row changes, %d commits, %d documents, all stored after another %.1f s", len(tr.Rows), len(tr.Commits), n, time.Since(began).Seconds())
	for _, p := range running {
		p.running(t)
	}
	checkDocuments(t, want, tr.Commits, d.documents(t, a.source))
	events, attributions := d.auditTopic(t, a.source)
	checkAudit(t, want, tr.Commits, events)
	if len(attributions) > 0 {
		t.Errorf("%d attributions, though no context came late; the first completes event %s", len(attributions), attributions[0].Attribution.EventID)
	}
}
