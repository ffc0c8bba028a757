package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// flatOptions are the part's own flags.
type flatOptions struct{ changes, every int }

// flatPart measures whether a change costs more the more there are in the store.
func flatPart() part {
	var o flatOptions
	return part{
		name: "flat", about: "processor time of sink and Elasticsearch for each change, while the store grows",
		needs: []stack.Part{stack.Kafka, stack.Elasticsearch},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&o.changes, "flat-changes", 10_000_000, "flat: how many changes there are in the end")
			f.IntVar(&o.every, "flat-every", 1_000_000, "flat: how many changes an interval has")
		},
		validate: func() error {
			if o.every < 1 || o.changes < o.every {
				return fmt.Errorf("--flat-changes %d, --flat-every %d: expected at least one interval", o.changes, o.every)
			}
			return nil
		},
		run: func(ctx context.Context, b *bench) (section, error) { return measureFlat(ctx, b, o) },
	}
}

// flatReport is what the part found. All documents lie in the index of one month, which is harder than months of their own.
type flatReport struct {
	Corpus    corpusReport   `json:"corpus"`
	Intervals []flatInterval `json:"intervals"`
	// LastToFirst is the processor time for each document in the last third of the intervals, to that in the first third; the very first interval, which warms up, is in neither.
	LastToFirst float64 `json:"last_to_first"`
	Bytes       int64   `json:"bytes"` // on disk in the end, after a flush and the merges that were under way
}

// flatInterval is what it took to store some changes more.
type flatInterval struct {
	Changes        int     `json:"changes"`   // in the store at its end
	Documents      int     `json:"documents"` // stored in it
	Seconds        float64 `json:"seconds"`
	SinkPerMillion float64 `json:"sink_cpu_seconds_per_million_documents"`
	StorePer       float64 `json:"store_cpu_seconds_per_million_documents"`
}

func (i flatInterval) perMillion() float64 { return i.SinkPerMillion + i.StorePer }

func measureFlat(ctx context.Context, b *bench, o flatOptions) (section, error) {
	b.events = o.changes
	p, err := b.prepareAudit(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.store.empty(ctx, p.written.corpus.from); err != nil {
		return nil, err
	}
	t := p.task()
	sink, err := begin(ctx, job{Worker: workSink}, t)
	if err != nil {
		return nil, err
	}
	type end struct {
		outcome outcome
		err     error
	}
	ended := make(chan end, 1)
	go func() {
		outcome, err := sink.wait()
		ended <- end{outcome, err}
	}()
	r := &flatReport{Corpus: p.written.report(b.settings)}
	perChange := float64(t.Documents) / float64(p.written.corpus.changes())
	last, err := p.reading(ctx, sink)
	if err != nil {
		return nil, errors.Join(err, sink.stop(), (<-ended).err)
	}
	add := func(now flatReading) {
		i := last.until(now, perChange)
		r.Intervals = append(r.Intervals, i)
		b.show.say("%10s changes  %5.1f CPU seconds a million documents (sink %.1f, store %.1f), %.0f s", thousands(float64(i.Changes)), i.perMillion(), i.SinkPerMillion, i.StorePer, i.Seconds)
		last = now
	}
	next := o.every
	for done := false; !done; {
		select {
		case e := <-ended:
			if e.err != nil {
				return nil, e.err
			}
			now, err := p.reading(ctx, sink)
			if err != nil {
				return nil, err
			}
			now.sink = e.outcome.CPUSeconds
			add(now)
			done = true
		case <-time.After(200 * time.Millisecond):
			now, err := p.reading(ctx, sink)
			if err != nil {
				return nil, errors.Join(err, sink.stop(), (<-ended).err)
			}
			// The last interval ends with the sink.
			if float64(now.documents) < float64(next)*perChange || next+o.every > o.changes || now.documents >= t.Documents {
				continue
			}
			add(now)
			for float64(now.documents) >= float64(next)*perChange {
				next += o.every
			}
		}
	}
	if err := p.store.settle(ctx); err != nil {
		return nil, err
	}
	kinds, err := p.store.kinds(ctx)
	if err != nil {
		return nil, err
	}
	if want := p.written.corpus.documents(); !maps.Equal(kinds, want) {
		return nil, fmt.Errorf("wrong result: documents by kind: %v, expected %v", kinds, want)
	}
	r.LastToFirst = lastToFirst(r.Intervals)
	r.Bytes, _, err = p.store.bytes(ctx)
	return r, err
}

// lastToFirst compares the last third of the intervals with the first, without the one that warms up; 0 if there are not enough. One interval alone may have had a large merge,
// or a busy machine.
func lastToFirst(intervals []flatInterval) float64 {
	if len(intervals) < 3 {
		return 0
	}
	warm := intervals[1:]
	third := max(len(warm)/3, 1)
	mean := func(list []flatInterval) float64 {
		cpu, documents := 0.0, 0
		for _, i := range list {
			cpu += i.perMillion() * float64(i.Documents)
			documents += i.Documents
		}
		return cpu / float64(documents)
	}
	return mean(warm[len(warm)-third:]) / mean(warm[:third])
}

// flatReading is how far the sink is.
type flatReading struct {
	at          time.Time
	documents   int
	sink, store float64 // processor seconds so far
}

func (p *prepared) reading(ctx context.Context, sink *process) (flatReading, error) {
	documents, err := p.store.stored(ctx)
	if err != nil {
		return flatReading{}, err
	}
	store, err := p.store.cpu(ctx)
	used := processSeconds(map[int]string{sink.cmd.Process.Pid: workSink})[workSink]
	return flatReading{time.Now(), documents, used, store.Seconds()}, err
}

func (r flatReading) until(now flatReading, perChange float64) flatInterval {
	n := now.documents - r.documents
	million := float64(n) / 1e6
	return flatInterval{Changes: int(math.Round(float64(now.documents) / perChange)), Documents: n, Seconds: now.at.Sub(r.at).Seconds(),
		SinkPerMillion: (now.sink - r.sink) / million, StorePer: (now.store - r.store) / million}
}

func (r *flatReport) table(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", r.Corpus); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "changes in the store\tCPU s per million documents\tsink\tstore\tseconds\t")
	for _, i := range r.Intervals {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.0f\t\n", thousands(float64(i.Changes)), i.perMillion(), i.SinkPerMillion, i.StorePer, i.Seconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nthe last third of the intervals to the first, without the one that warms up: %.2f; %.0f bytes on disk for each field change\n", r.LastToFirst, float64(r.Bytes)/float64(r.Corpus.Changes))
	return err
}
