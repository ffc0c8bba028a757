package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// What the part does in processes of their own.
const (
	workBulk = "bulk"
	workSink = "sink"
)

// sinkOptions are the part's own flags.
type sinkOptions struct {
	inFlight, documents int
	keep                string
}

// sinkPart measures the sink against a loader that only sends.
func sinkPart() part {
	var o sinkOptions
	return part{
		name: "sink", about: "audit events to documents in Elasticsearch, beside a loader that sends the same documents, prepared",
		needs: []stack.Part{stack.Kafka, stack.Elasticsearch},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&o.inFlight, "bulk-in-flight", loaderInFlight, "sink: how many requests the loader has under way")
			f.IntVar(&o.documents, "bulk-documents", loaderDocuments, "sink: how many documents the loader puts into a request")
			f.StringVar(&o.keep, "keep-documents", "", "sink: leave the prepared documents in this file, as bulk requests' lines")
		},
		validate: func() error {
			if o.inFlight < 1 || o.documents < 1 {
				return fmt.Errorf("--bulk-in-flight %d, --bulk-documents %d: must be at least 1", o.inFlight, o.documents)
			}
			return nil
		},
		run: func(ctx context.Context, b *bench) (section, error) { return measureSink(ctx, b, o) },
	}
}

// sinkSection is what the part found.
type sinkSection struct {
	*comparison
	Documents map[string]int `json:"documents"` // of each kind
	// Alone is the sink before a store that takes no time.
	Alone run `json:"sink_before_an_idle_store"`
	// Disk is what the sink's last run left.
	Disk diskReport `json:"disk"`
}

// diskReport tells what documents take on disk.
type diskReport struct {
	FieldChanges int `json:"field_changes"`
	// Bytes of the store after a refresh and a flush, and after all was merged into one segment: for each field change, all documents counted.
	Bytes          int64        `json:"bytes"`
	Segments       int          `json:"segments"`
	MergedBytes    int64        `json:"merged_bytes"`
	PerFieldChange float64      `json:"bytes_per_field_change"`
	MergedPer      float64      `json:"merged_bytes_per_field_change"`
	Fields         []fieldUsage `json:"fields"` // of the merged segment
}

// Figures of a run beside those of every run.
const (
	figureChanges  = "changes_per_second"
	figureMillion  = "store_cpu_seconds_per_million"
	figurePerField = "bytes_per_field_change"
)

func measureSink(ctx context.Context, b *bench, o sinkOptions) (_ section, err error) {
	p, err := b.prepareAudit(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dossier-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "documents.ndjson")
	if o.keep != "" {
		file = o.keep
	}
	alone, err := p.record(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("preparing the documents: %w", err)
	}
	all, err := readDocuments(file, p.written.corpus)
	if err != nil {
		return nil, err
	}
	b.show.say("%-9s alone     %9s documents/s before a store that takes no time, %.1f CPU seconds a million, %d MB", workSink, thousands(alone.PerSecond), alone.CPUPerMillion, alone.PeakMemoryBytes>>20)
	var disk diskReport
	pass := func(work, profile string) func(context.Context) (run, error) {
		return func(ctx context.Context) (run, error) {
			t := p.task()
			if work == workBulk {
				t.File, t.InFlight, t.BulkDocuments = file, o.inFlight, o.documents
			}
			got, size, err := p.pass(ctx, job{Worker: work, CPUProfile: profile}, t, all)
			if work == workSink {
				disk = size
			}
			return got, err
		}
	}
	measured, err := b.turns(ctx, "documents", contender{workBulk, pass(workBulk, "")}, contender{workSink, pass(workSink, "")})
	if err != nil {
		return nil, err
	}
	if err := p.store.merge(ctx); err != nil {
		return nil, err
	}
	if disk.MergedBytes, _, err = p.store.bytes(ctx); err != nil {
		return nil, err
	}
	disk.MergedPer = float64(disk.MergedBytes) / float64(disk.FieldChanges)
	if disk.Fields, err = p.store.usage(ctx); err != nil {
		return nil, err
	}
	if b.cpuProfile != "" {
		if _, err := pass(workSink, b.cpuProfile)(ctx); err != nil {
			return nil, err
		}
		b.show.say("%-9s profile   %s", workSink, b.cpuProfile)
	}
	return &sinkSection{compare(p.written.report(b.settings), measured...), all.kinds, alone, disk}, nil
}

// prepared is a corpus with its audit topic, and the store that it is to come into.
type prepared struct {
	*bench
	written written
	audit   task // the processor's pass that made the audit topic
	store   *searchStore
	passes  int
}

// prepareAudit writes the corpus and has the processor make the audit topic.
func (b *bench) prepareAudit(ctx context.Context) (*prepared, error) {
	w, err := b.write(ctx, b.corpus(time.Now()))
	if err != nil {
		return nil, err
	}
	name := "bench-" + b.prefix + "-audit" // not below the prefix, where the processor would read it
	p := &prepared{bench: b, written: w, store: administrator(b.servers),
		audit: b.task(w.corpus, name)}
	if err := errors.Join(b.broker.create(ctx, b.partitions, name), b.broker.create(ctx, 1, p.audit.pending(), p.audit.deadLetters())); err != nil {
		return nil, err
	}
	if _, err := start(ctx, job{Worker: workProcessor}, p.audit); err != nil {
		return nil, err
	}
	if err := b.broker.checkAudit(ctx, p.audit, w.corpus); err != nil {
		return nil, fmt.Errorf("wrong audit topic: %w", err)
	}
	return p, nil
}

// task is one pass over the audit topic.
func (p *prepared) task() storeTask {
	p.passes++
	n := 0
	for _, of := range p.written.corpus.documents() {
		n += of
	}
	return storeTask{
		Brokers: p.broker.addresses, Source: p.written.corpus.source, Audit: p.audit.Output, DeadLetters: p.audit.deadLetters(), Group: fmt.Sprintf("%s-sink-%d", p.audit.Group, p.passes),
		URL: p.store.url, User: sinkUser, Password: sinkPassword, Documents: n,
	}
}

// record has the sink send its documents into a file.
func (p *prepared) record(ctx context.Context, file string) (run, error) {
	r, err := newRecorder(file)
	if err != nil {
		return run{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return run{}, err
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t := p.task()
	t.URL = "http://" + listener.Addr().String()
	got, err := start(ctx, job{Worker: workSink}, t)
	closing := server.Close()
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	if err := errors.Join(err, closing); err != nil {
		return run{}, err
	}
	n, err := r.end()
	if err == nil && n != t.Documents {
		err = fmt.Errorf("the sink sent %d documents of %d", n, t.Documents)
	}
	return got.run(t.Documents), err
}

// pass does one run into the empty store, and checks what came out.
func (p *prepared) pass(ctx context.Context, j job, t storeTask, all documents) (run, diskReport, error) {
	fail := func(err error) (run, diskReport, error) { return run{}, diskReport{}, err }
	if err := p.store.empty(ctx, p.written.corpus.from); err != nil {
		return fail(err)
	}
	before, err := p.store.cpu(ctx)
	if err != nil {
		return fail(err)
	}
	read := time.Now()
	outcome, err := start(ctx, j, t)
	if err != nil {
		return fail(err)
	}
	if err := p.store.settle(ctx); err != nil {
		return fail(err)
	}
	time.Sleep(time.Until(read.Add(cpuInterval))) // of a run shorter than that
	after, err := p.store.cpu(ctx)
	if err != nil {
		return fail(err)
	}
	disk := diskReport{FieldChanges: p.written.corpus.changes()}
	if disk.Bytes, disk.Segments, err = p.store.bytes(ctx); err != nil {
		return fail(err)
	}
	if err := all.check(ctx, p.store); err != nil {
		return fail(err)
	}
	disk.PerFieldChange = float64(disk.Bytes) / float64(disk.FieldChanges)
	got := outcome.run(t.Documents)
	if got.Figures == nil {
		got.Figures = map[string]float64{}
	}
	got.Figures[figureChanges] = float64(p.written.corpus.changes()) / got.Seconds
	got.Figures[figureMillion] = (after - before).Seconds() / float64(t.Documents) * 1e6
	got.Figures[figurePerField] = disk.PerFieldChange
	return got, disk, nil
}

func (s *sinkSection) table(w io.Writer) error {
	if err := s.comparison.table(w); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\n\tchanges/s\t\t\tstore's CPU s per million\t\t\tbytes per field change\t\t\t")
	fmt.Fprintln(t, "\tmin\tmedian\tmax\tmin\tmedian\tmax\tmin\tmedian\tmax\t")
	for _, m := range s.Measured {
		fmt.Fprintf(t, "%s\t", m.Name)
		for _, name := range []string{figureChanges, figureMillion, figurePerField} {
			values := make([]float64, len(m.Runs))
			for i, r := range m.Runs {
				values[i] = r.Figures[name]
			}
			v := spreadOf(values)
			fmt.Fprintf(t, "%s\t%s\t%s\t", thousands(v.Min), thousands(v.Median), thousands(v.Max))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nsink before a store that takes no time: %s documents/s, %.1f CPU s per million, %d MB\n", thousands(s.Alone.PerSecond), s.Alone.CPUPerMillion, s.Alone.PeakMemoryBytes>>20)
	fmt.Fprintf(w, "on disk for each of %s field changes, all documents counted: %.0f bytes in %d segments, %.0f merged into one\n",
		thousands(float64(s.Disk.FieldChanges)), s.Disk.PerFieldChange, s.Disk.Segments, s.Disk.MergedPer)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "bytes per field change\tall\tindex\tdoc values\tpoints\tstored\t")
	per := func(n int64) float64 { return float64(n) / float64(s.Disk.FieldChanges) }
	for _, f := range s.Disk.Fields {
		if per(f.Total) < 1 {
			break
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", f.Field, per(f.Total), per(f.Index), per(f.Values), per(f.Points), per(f.Stored))
	}
	return t.Flush()
}
