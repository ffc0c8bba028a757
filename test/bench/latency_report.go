package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// latencyReport is the result of the part latency, as JSON.
type latencyReport struct {
	Load loadReport   `json:"load"`
	Runs []latencyRun `json:"runs"`
	// Medians over the runs, of their medians, of their 99th percentiles, and the greatest of all.
	Milliseconds map[string]distribution `json:"milliseconds"`
	// Cores that a process kept busy, the median of the runs.
	Cores map[string]float64 `json:"cores"`
}

type loadReport struct {
	ChangesPerSec int               `json:"changes_per_second"`
	PerTx         int               `json:"changes_per_transaction"`
	Seconds       float64           `json:"seconds"` // of a run
	WarmUpSeconds float64           `json:"warm_up_seconds"`
	Connections   int               `json:"connections"`
	Columns       int               `json:"columns"`
	FellBehind    bool              `json:"fell_behind,omitempty"` // the rate was not reached: the times are those of an overload
	Connector     map[string]string `json:"connector,omitempty"`   // settings that differ from the shipped connector's
	Dossier       map[string]string `json:"dossier,omitempty"`     // variables that the processor and the sink were given
}

func describeLoad(s latencySettings) loadReport {
	return loadReport{ChangesPerSec: s.rate, PerTx: s.perTx, Seconds: s.window.Seconds(), WarmUpSeconds: s.warmUp.Seconds(), Connections: loadConnections,
		Columns: narrow, Connector: s.connector, Dossier: s.dossier}
}

// latencyRun is what one window showed.
type latencyRun struct {
	Distributions map[string]distribution `json:"milliseconds"`
	Cores         map[string]float64      `json:"cores"` // busy, by process
}

// distribution is of times in milliseconds.
type distribution struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

// distributionOf sorts the durations.
func distributionOf(durations []time.Duration) distribution {
	if len(durations) == 0 {
		return distribution{}
	}
	slices.Sort(durations)
	at := func(share float64) float64 {
		return float64(durations[int(share*float64(len(durations)-1))].Microseconds()) / 1000
	}
	return distribution{len(durations), at(0.5), at(0.99), at(1)}
}

func (d distribution) String() string {
	return fmt.Sprintf("%.0f ms, 99%% within %.0f, at most %.0f", d.Median, d.P99, d.Max)
}

// summarize takes the medians over the runs.
func (r *latencyReport) summarize() {
	r.Milliseconds, r.Cores = map[string]distribution{}, map[string]float64{}
	for _, i := range intervals {
		var medians, tails, greatest []float64
		count := 0
		for _, run := range r.Runs {
			if d := run.Distributions[i.name]; d.Count > 0 {
				medians, tails, greatest = append(medians, d.Median), append(tails, d.P99), append(greatest, d.Max)
				count += d.Count
			}
		}
		r.Milliseconds[i.name] = distribution{count, spreadOf(medians).Median, spreadOf(tails).Median, spreadOf(greatest).Max}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Runs[0].Cores)) {
		var cores []float64
		for _, run := range r.Runs {
			cores = append(cores, run.Cores[name])
		}
		r.Cores[name] = spreadOf(cores).Median
	}
}

// table writes the report for people.
func (r *latencyReport) table(w io.Writer) error {
	l := r.Load
	_, err := fmt.Fprintf(w, "%s changes/s, %d a transaction, all with context, %d runs of %.0f s after %.0f s\n\n", thousands(float64(l.ChangesPerSec)),
		l.PerTx, len(r.Runs), l.Seconds, l.WarmUpSeconds)
	if err != nil {
		return err
	}
	if l.FellBehind {
		fmt.Fprint(w, "The load fell behind its timetable: this machine does not carry so many changes, and these are the times of an overload.\n\n")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "milliseconds\tmedian\t99th percentile\tmax\tcount\t")
	for _, i := range intervals {
		d := r.Milliseconds[i.name]
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%s\t\n", i.title, d.Median, d.P99, d.Max, thousands(float64(d.Count)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\ncores kept busy:")
	for _, name := range slices.Sorted(maps.Keys(r.Cores)) {
		fmt.Fprintf(w, " %s %.2f;", name, r.Cores[name])
	}
	_, err = fmt.Fprintln(w)
	return err
}
