package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report is the result of the command, as JSON.
type report struct {
	At      time.Time    `json:"at"`
	Machine machine      `json:"machine"`
	Corpus  corpusReport `json:"corpus"`
	Parts   []partReport `json:"parts"`
	// Ratios of medians.
	Ratios map[string]float64 `json:"ratios"`
}

type corpusReport struct {
	Changes               int     `json:"changes"`
	BytesPerChange        float64 `json:"bytes_per_change"` // of the record's value
	Columns               int     `json:"columns"`
	Format                string  `json:"format"`
	ChangesPerTransaction int     `json:"changes_per_transaction"`
	Context               share   `json:"transactions_with_context"`
	Partitions            int     `json:"partitions"` // of the change topic and of the output
	Compression           string  `json:"compression"`
}

// partReport sums up the runs of a part.
type partReport struct {
	Part          string `json:"part"`
	Runs          []run  `json:"runs"`
	ChangesPerSec spread `json:"changes_per_second"`
	CPUPerMillion spread `json:"cpu_seconds_per_million"`
	PeakMemory    spread `json:"peak_memory_bytes"`
}

type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spreadOf returns the extremes and the median; of an even number, the mean of the two in the middle.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{v[0], (v[(n-1)/2] + v[n/2]) / 2, v[n-1]}
}

func summarize(part string, runs []run) partReport {
	column := func(of func(run) float64) spread {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = of(r)
		}
		return spreadOf(values)
	}
	return partReport{
		Part: part, Runs: runs,
		ChangesPerSec: column(func(r run) float64 { return r.ChangesPerSec }),
		CPUPerMillion: column(func(r run) float64 { return r.CPUPerMillion }),
		PeakMemory:    column(func(r run) float64 { return float64(r.PeakMemoryBytes) }),
	}
}

// table writes the report for people.
func (r *report) table(w io.Writer) error {
	c := r.Corpus
	_, err := fmt.Fprintf(w, "%s\n%s changes of %.0f bytes (%s, %d columns), %d a transaction, context in %s of them, %d partitions\n\n", r.Machine,
		thousands(float64(c.Changes)), c.BytesPerChange, c.Format, c.Columns, c.ChangesPerTransaction, c.Context, c.Partitions)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	const megabyte = 1 << 20
	fmt.Fprintln(t, "\tchanges/s\t\t\tCPU s per million\t\t\tpeak MB\t\t\t")
	fmt.Fprintln(t, "part\tmin\tmedian\tmax\tmin\tmedian\tmax\tmin\tmedian\tmax\t")
	for _, p := range r.Parts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t\n", p.Part,
			thousands(p.ChangesPerSec.Min), thousands(p.ChangesPerSec.Median), thousands(p.ChangesPerSec.Max),
			p.CPUPerMillion.Min, p.CPUPerMillion.Median, p.CPUPerMillion.Max,
			p.PeakMemory.Min/megabyte, p.PeakMemory.Median/megabyte, p.PeakMemory.Max/megabyte)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nprocessor to copy, medians: %.2f of the changes/s, %.1f times the CPU\n",
		r.Ratios["processor_to_copy_changes_per_second"], r.Ratios["processor_to_copy_cpu_seconds"])
	return err
}

// thousands writes a number without its fraction, with commas.
func thousands(v float64) string {
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
