package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kadm"

	"dossier/test/stack"
)

// instancePartitions are enough for every instance to have several, and the same number.
const instancePartitions = 12

// instancesPart measures what a change costs when several processors share the work.
func instancesPart() part {
	most := 4
	return part{
		name: "instances", about: "one to several processors in one group, each a process: CPU of all for each change",
		needs: []stack.Part{stack.Kafka},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&most, "instances", most, "instances: how many processors there are at most")
		},
		validate: func() error {
			if most < 1 || most > instancePartitions {
				return fmt.Errorf("--instances %d: must be from 1 to %d", most, instancePartitions)
			}
			return nil
		},
		run: func(ctx context.Context, b *bench) (section, error) { return measureInstances(ctx, b, most) },
	}
}

func measureInstances(ctx context.Context, b *bench, most int) (section, error) {
	b.partitions = max(b.partitions, instancePartitions)
	w, err := b.write(ctx, b.corpus(time.Now()))
	if err != nil {
		return nil, err
	}
	number := 0
	several := func(n int, profile job) func(context.Context) (run, error) {
		return func(ctx context.Context) (run, error) {
			number++
			return b.instances(ctx, n, profile, b.task(w.corpus, fmt.Sprintf("bench-%s-instances-%d", b.prefix, number)), w)
		}
	}
	var contenders []contender
	for n := 1; n <= most; n++ {
		contenders = append(contenders, contender{fmt.Sprintf("%d at once", n), several(n, job{Worker: workProcessor})})
	}
	measured, err := b.turns(ctx, "changes", contenders...)
	if err != nil {
		return nil, err
	}
	if b.cpuProfile != "" || b.memoryProfile != "" {
		if _, err := several(most, job{Worker: workProcessor, CPUProfile: b.cpuProfile, MemoryProfile: b.memoryProfile})(ctx); err != nil {
			return nil, err
		}
	}
	return compare(w.report(b.settings), measured...), nil
}

// instances lets n processors of one group read the corpus, and stops them once the group has committed its end. Their CPU is summed up; the memory is
// that of the one that took most. The first has the job's profiles. Seconds are from the start of the first to the last commit.
func (b *bench) instances(ctx context.Context, n int, j job, t task, w written) (run, error) {
	changes := t.Changes
	t.Changes = 0 // until it is told
	topics := []string{t.Output, t.pending(), t.deadLetters()}
	if err := errors.Join(b.broker.create(ctx, b.partitions, t.Output), b.broker.create(ctx, 1, topics[1:]...)); err != nil {
		return run{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends those that still run after an error
	began := time.Now()
	var all []*process
	var failed error
	for i := range n {
		if i > 0 {
			j.CPUProfile, j.MemoryProfile = "", ""
		}
		p, err := begin(ctx, j, t)
		if err != nil {
			failed = err
			break
		}
		all = append(all, p)
	}
	if failed == nil {
		failed = b.broker.caughtUp(ctx, t.Group, changeTopic(t.Source))
	}
	took := time.Since(began)
	total := outcome{Figures: map[string]float64{}}
	for _, p := range all {
		failed = errors.Join(failed, p.stop())
	}
	for _, p := range all {
		o, err := p.wait()
		failed = errors.Join(failed, err)
		total.CPUSeconds += o.CPUSeconds
		total.PeakMemoryBytes = max(total.PeakMemoryBytes, o.PeakMemoryBytes)
		total.Commits += o.Commits
		total.CommitSeconds += o.CommitSeconds
		for name, value := range o.Figures {
			total.Figures[name] += value
		}
	}
	if failed != nil {
		return run{}, failed
	}
	total.Seconds = took.Seconds()
	t.Changes = changes
	if err := b.broker.checkAudit(ctx, t, w.corpus); err != nil {
		return run{}, fmt.Errorf("wrong result: %w", err)
	}
	return total.run(changes), b.broker.remove(ctx, topics...)
}

// caughtUp returns when the group has committed the end of every partition of the topic.
func (b *broker) caughtUp(ctx context.Context, group, topic string) error {
	ends, err := b.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("list the ends of %s: %w", topic, err)
	}
	for {
		done := true
		committed, err := b.admin.FetchOffsets(ctx, group)
		ends.Each(func(end kadm.ListedOffset) {
			at, ok := committed.Lookup(end.Topic, end.Partition)
			done = done && (end.Offset == 0 || ok && at.At >= end.Offset)
		})
		if err == nil && done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the group %s has not committed all of %s: %w", group, topic, errors.Join(context.Cause(ctx), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
