package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// databaseReport is the result of the part database, as JSON.
type databaseReport struct {
	Settings databaseSettingsReport `json:"settings"`
	Variants []variantReport        `json:"variants"` // no audit first
}

type databaseSettingsReport struct {
	PostgreSQL  string            `json:"postgresql"`
	Clients     int               `json:"clients"`
	Rows        int               `json:"rows"`
	Seconds     int               `json:"seconds"` // of a run
	RoundTrips  int               `json:"round_trips"`
	Server      map[string]string `json:"server"`       // its settings, beside its defaults
	ContextSize int               `json:"context_size"` // bytes of a context message
}

// variantReport sums up the runs of a variant.
type variantReport struct {
	Name          string        `json:"name"`
	About         string        `json:"about"`
	Runs          []databaseRun `json:"runs"`
	PerSecond     spread        `json:"transactions_per_second"`
	LogBytes      spread        `json:"log_bytes_per_transaction"`
	BehindSeconds spread        `json:"behind_seconds"`
	// ToNone is the ratio of the medians of transactions per second, to those without audit; Rounds has the ratios within each round.
	ToNone float64            `json:"to_none"`
	Rounds spread             `json:"to_none_in_rounds"`
	Cores  map[string]float64 `json:"cores"` // medians
}

func (r *databaseReport) summarize() {
	for i := range r.Variants {
		v := &r.Variants[i]
		column := func(of func(databaseRun) float64) spread {
			values := make([]float64, len(v.Runs))
			for i, run := range v.Runs {
				values[i] = of(run)
			}
			return spreadOf(values)
		}
		v.PerSecond = column(func(r databaseRun) float64 { return r.PerSecond })
		v.LogBytes = column(func(r databaseRun) float64 { return r.LogBytes })
		v.BehindSeconds = column(func(r databaseRun) float64 { return r.BehindSeconds })
		v.ToNone = v.PerSecond.Median / r.Variants[0].PerSecond.Median
		var rounds []float64
		for i, run := range v.Runs {
			rounds = append(rounds, run.PerSecond/r.Variants[0].Runs[i].PerSecond)
		}
		v.Rounds = spreadOf(rounds)
		v.Cores = map[string]float64{}
		for name := range v.Runs[0].Cores {
			v.Cores[name] = column(func(r databaseRun) float64 { return r.Cores[name] }).Median
		}
	}
}

func (r *databaseReport) table(w io.Writer) error {
	s := r.Settings
	_, err := fmt.Fprintf(w, "PostgreSQL %s, %s rows, %d clients, %d round trips a transaction (one more where the context is apart), runs of %d s, contexts of %d bytes;",
		s.PostgreSQL, thousands(float64(s.Rows)), s.Clients, s.RoundTrips, s.Seconds, s.ContextSize)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Server)) {
		fmt.Fprintf(w, " %s=%s", name, s.Server[name])
	}
	fmt.Fprint(w, "\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\ttransactions/s\t\t\tto none\t\t\tlog bytes\treader behind\t")
	fmt.Fprintln(t, "variant\tmin\tmedian\tmax\tmedians\tround: min\tmax\tper transaction\tat the end, ms\t")
	for _, v := range r.Variants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%.0f\t%.0f\t\n", v.Name, thousands(v.PerSecond.Min), thousands(v.PerSecond.Median), thousands(v.PerSecond.Max),
			v.ToNone, v.Rounds.Min, v.Rounds.Max, v.LogBytes.Median, v.BehindSeconds.Median*1000)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, v := range r.Variants {
		fmt.Fprintf(w, "%s: %s; cores busy:", v.Name, v.About)
		for _, name := range slices.Sorted(maps.Keys(v.Cores)) {
			fmt.Fprintf(w, " %s %.2f", name, v.Cores[name])
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
