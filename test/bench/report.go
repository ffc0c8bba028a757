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
	Parts   []partReport `json:"parts"`
}

// partReport is what one part found.
type partReport struct {
	Part   string  `json:"part"`
	About  string  `json:"about"`
	Result section `json:"result"`
}

// section is what a part found: its JSON is for programs, its table for people.
type section interface {
	table(w io.Writer) error
}

// table writes the report for people.
func (r *report) table(w io.Writer) error {
	if _, err := fmt.Fprintln(w, r.Machine); err != nil {
		return err
	}
	for _, p := range r.Parts {
		if _, err := fmt.Fprintf(w, "\n%s: %s\n", p.Part, p.About); err != nil {
			return err
		}
		if err := p.Result.table(w); err != nil {
			return err
		}
	}
	return nil
}

// comparison is the section of a part that is measured beside its limit, in turns.
type comparison struct {
	Corpus   corpusReport `json:"corpus"`
	Measured []summary    `json:"measured"` // the limit first
	// Ratios of medians to those of the limit, "processor_to_copy" with "per_second" and "cpu_seconds".
	Ratios map[string]ratio `json:"ratios"`
}

type ratio struct {
	PerSecond  float64 `json:"per_second"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

// compare makes the section, the limit given first.
func compare(c corpusReport, measured ...summary) *comparison {
	s := &comparison{Corpus: c, Measured: measured, Ratios: map[string]ratio{}}
	limit := measured[0]
	for _, m := range measured[1:] {
		s.Ratios[m.Name+"_to_"+limit.Name] = ratio{m.PerSecond.Median / limit.PerSecond.Median, m.CPUPerMillion.Median / limit.CPUPerMillion.Median}
	}
	return s
}

func (s *comparison) table(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", s.Corpus); err != nil {
		return err
	}
	if err := summaryTable(w, s.Measured); err != nil {
		return err
	}
	limit := s.Measured[0]
	for _, m := range s.Measured[1:] {
		r := s.Ratios[m.Name+"_to_"+limit.Name]
		if _, err := fmt.Fprintf(w, "\n%s to %s, medians: %.2f of the %s/s, %.1f times the CPU\n", m.Name, limit.Name, r.PerSecond, m.Unit, r.CPUSeconds); err != nil {
			return err
		}
	}
	return nil
}

// corpusReport tells what was read.
type corpusReport struct {
	Changes               int      `json:"changes"`
	BytesPerChange        float64  `json:"bytes_per_change"` // of the record's value
	Row                   rowShape `json:"row"`
	Columns               int      `json:"columns"`
	Format                format   `json:"format"`
	ChangesPerTransaction int      `json:"changes_per_transaction"`
	Context               share    `json:"transactions_with_context"`
	Partitions            int      `json:"partitions"` // of the change topic and of the output
	Compression           string   `json:"compression"`
}

func (c corpusReport) String() string {
	return fmt.Sprintf("%s changes of %.0f bytes (%s, %s rows of %d columns), %d a transaction, context in %s of them, %d partitions",
		thousands(float64(c.Changes)), c.BytesPerChange, c.Format, c.Row, c.Columns, c.ChangesPerTransaction, c.Context, c.Partitions)
}

// summary sums up the runs of one of those that took turns.
type summary struct {
	Name          string `json:"name"`
	Unit          string `json:"unit"` // what the rates count
	Runs          []run  `json:"runs"`
	PerSecond     spread `json:"per_second"`
	CPUPerMillion spread `json:"cpu_seconds_per_million"`
	PeakMemory    spread `json:"peak_memory_bytes"`
}

func summarize(name, unit string, runs []run) summary {
	column := func(of func(run) float64) spread {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = of(r)
		}
		return spreadOf(values)
	}
	return summary{
		Name: name, Unit: unit, Runs: runs,
		PerSecond:     column(func(r run) float64 { return r.PerSecond }),
		CPUPerMillion: column(func(r run) float64 { return r.CPUPerMillion }),
		PeakMemory:    column(func(r run) float64 { return float64(r.PeakMemoryBytes) }),
	}
}

// summaryTable writes a line for each.
func summaryTable(w io.Writer, all []summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	const megabyte = 1 << 20
	fmt.Fprintf(t, "\t%s/s\t\t\tCPU s per million\t\t\tpeak MB\t\t\t\n", all[0].Unit)
	fmt.Fprintln(t, "\tmin\tmedian\tmax\tmin\tmedian\tmax\tmin\tmedian\tmax\t")
	for _, m := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t\n", m.Name,
			thousands(m.PerSecond.Min), thousands(m.PerSecond.Median), thousands(m.PerSecond.Max),
			m.CPUPerMillion.Min, m.CPUPerMillion.Median, m.CPUPerMillion.Max,
			m.PeakMemory.Min/megabyte, m.PeakMemory.Median/megabyte, m.PeakMemory.Max/megabyte)
	}
	return t.Flush()
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

// thousands writes a number without its fraction, with commas.
func thousands(v float64) string {
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
