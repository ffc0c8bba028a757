package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/test/stack"
)

// What the part does in processes of their own.
const (
	workCopy      = "copy"
	workProcessor = "processor"
)

// processorPart measures the processor against a copy of the change topic.
func processorPart() part {
	return part{
		name: "processor", about: "changes to audit events, beside an exactly-once copy of the change topic", quick: true,
		needs: []stack.Part{stack.Kafka}, run: measureProcessor,
	}
}

// task is one pass over the change topic of a corpus.
type task struct {
	Brokers []string `json:"brokers"`
	Source  string   `json:"source"` // the corpus's topic prefix
	Group   string   `json:"group"`
	Output  string   `json:"output"`  // the topic to write, whose name does not begin with the source's; the processor's others are named after it
	Changes int      `json:"changes"` // after so many it ends; 0: when it is told
	// Registry is the address of the schema registry, where the source or the output is in Avro; AvroOutput says that the output is.
	Registry   string `json:"registry,omitempty"`
	AvroOutput bool   `json:"avro_output,omitempty"`
}

// task is a pass over a corpus that writes a topic of that name.
func (b *bench) task(c corpus, name string) task {
	t := task{Brokers: b.broker.addresses, Source: c.source, Changes: c.changes(), Group: name, Output: name, AvroOutput: b.audit == formatAvro}
	if c.format == formatAvro || t.AvroOutput {
		t.Registry = b.servers.RegistryURL()
	}
	return t
}

func (t task) deadLetters() string { return t.Output + ".dlq" }
func (t task) pending() string     { return t.Output + ".pending" }

func measureProcessor(ctx context.Context, b *bench) (section, error) {
	c := b.corpus(time.Now())
	w, err := b.write(ctx, c)
	if err != nil {
		return nil, err
	}
	number := 0
	pass := func(j job) func(context.Context) (run, error) {
		return func(ctx context.Context) (run, error) {
			number++
			name := fmt.Sprintf("bench-%s-%s-%d", b.prefix, j.Worker, number)
			return b.pass(ctx, j, b.task(c, name), w)
		}
	}
	measured, err := b.turns(ctx, "changes", contender{workCopy, pass(job{Worker: workCopy})}, contender{workProcessor, pass(job{Worker: workProcessor})})
	if err != nil {
		return nil, err
	}
	if b.cpuProfile != "" || b.memoryProfile != "" {
		if _, err := pass(job{Worker: workProcessor, CPUProfile: b.cpuProfile, MemoryProfile: b.memoryProfile})(ctx); err != nil {
			return nil, err
		}
		b.show.say("%-9s profile   %s %s", workProcessor, b.cpuProfile, b.memoryProfile)
	}
	return compare(w.report(b.settings), measured...), nil
}

// pass does one run with topics of its own, and checks what came out.
func (b *bench) pass(ctx context.Context, j job, t task, w written) (run, error) {
	topics := []string{t.Output}
	err := b.broker.create(ctx, b.partitions, t.Output)
	if err == nil && j.Worker != workCopy {
		topics = append(topics, t.pending(), t.deadLetters())
		err = b.broker.create(ctx, 1, topics[1:]...)
	}
	if err != nil {
		return run{}, err
	}
	got, err := start(ctx, j, t)
	if err != nil {
		return run{}, err
	}
	if j.Worker == workCopy {
		err = b.broker.checkCopy(ctx, t, w)
	} else {
		err = b.broker.checkAudit(ctx, t, w.corpus)
	}
	if err != nil {
		return run{}, fmt.Errorf("wrong result: %w", err)
	}
	return got.run(t.Changes), b.broker.remove(ctx, topics...)
}

// checkCopy reads what a copy wrote and compares it with the change topic.
func (b *broker) checkCopy(ctx context.Context, t task, w written) error {
	var copied fingerprint
	if err := b.read(ctx, t.Output, func(r *kgo.Record) error { copied.add(r); return nil }); err != nil {
		return err
	}
	return w.original.same(copied)
}

// checkAudit reads what a processor wrote and compares it with the corpus.
func (b *broker) checkAudit(ctx context.Context, t task, c corpus) error {
	err := b.read(ctx, t.deadLetters(), func(r *kgo.Record) error {
		letter, err := deadletter.Parse(r)
		return errors.Join(fmt.Errorf("a dead letter, and the corpus has none that should be: %s, %s", letter.Reason, letter.Detail), err)
	})
	if err != nil {
		return err
	}
	audit := &auditCheck{corpus: c}
	if err := b.read(ctx, t.Output, audit.add); err != nil {
		return err
	}
	return audit.end()
}
