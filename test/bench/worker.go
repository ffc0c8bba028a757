package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// workerVariable holds a job for a process of its own: this program again. Processor time and memory are a process's, so each run has one.
const workerVariable = "DOSSIER_BENCH_JOB"

// job is one run of a part.
type job struct {
	Part       string   `json:"part"`
	Brokers    []string `json:"brokers"`
	Group      string   `json:"group"`
	Output     string   `json:"output"` // the topic to write; the processor's others are named after it
	Changes    int      `json:"changes"`
	CPUProfile string   `json:"cpu_profile,omitempty"` // the file to write
}

func (j job) deadLetters() string { return j.Output + ".dlq" }
func (j job) pending() string     { return j.Output + ".pending" }

// run is what a run took.
type run struct {
	// Seconds from the first batch of records that was read to the commit of the last.
	Seconds         float64 `json:"seconds"`
	ChangesPerSec   float64 `json:"changes_per_second"`
	CPUPerMillion   float64 `json:"cpu_seconds_per_million"` // user and system, of the whole process from its start to its end
	PeakMemoryBytes int64   `json:"peak_memory_bytes"`       // resident; 0 where the system does not tell
	Commits         int     `json:"commits"`                 // Kafka transactions
	CommitSeconds   float64 `json:"commit_seconds"`          // of Seconds, spent waiting for their ends
}

// outcome is what a worker tells on its standard output.
type outcome struct {
	Seconds         float64 `json:"seconds"`
	PeakMemoryBytes int64   `json:"peak_memory_bytes"`
	Commits         int     `json:"commits"`
	CommitSeconds   float64 `json:"commit_seconds"`
}

// watch is the stopwatch of a run.
type watch struct {
	mu          sync.Mutex
	first, last time.Time
	commits     int
	committing  time.Duration
}

// OnFetchBatchRead is called by the Kafka client for each batch of records read.
func (w *watch) OnFetchBatchRead(kgo.BrokerMetadata, string, int32, kgo.FetchBatchMetrics) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first.IsZero() {
		w.first = time.Now()
	}
}

// committed notes the end of a transaction and how long its commit took.
func (w *watch) committed(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	w.commits++
	w.committing += took
}

func (w *watch) kafka(j job) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(j.Brokers...), kgo.WithHooks(w)}
}

// isWorker says whether this process was started for a job.
func isWorker() bool { return os.Getenv(workerVariable) != "" }

// work does this process's job and returns its exit code.
func work(ctx context.Context) int {
	if err := workJob(ctx, os.Getenv(workerVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func workJob(ctx context.Context, text string) (err error) {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("%s: %w", workerVariable, err)
	}
	var part func(context.Context, job, *watch) error
	switch j.Part {
	case partCopy:
		part = runCopy
	case partProcessor:
		part = runProcessor
	default:
		return fmt.Errorf("%s: there is no part %q", workerVariable, j.Part)
	}
	if j.CPUProfile != "" {
		file, err := os.Create(j.CPUProfile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var w watch
	if err := part(ctx, j, &w); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{
		Seconds: w.last.Sub(w.first).Seconds(), PeakMemoryBytes: peakMemory(), Commits: w.commits, CommitSeconds: w.committing.Seconds(),
	})
}

// peakMemory returns the most memory that was resident in this process. Linux tells it in /proc; what getrusage tells of a child is not below
// what its parent had when it started it.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// start does a job in a process of its own, and waits for its end.
func start(ctx context.Context, j job) (run, error) {
	fail := func(err error) (run, error) { return run{}, fmt.Errorf("%s: %w", j.Part, err) }
	program, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return fail(err)
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second // the processor's last commit
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return fail(fmt.Errorf("%w\n%s", err, tail(log.String(), 20)))
	}
	var o outcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		return fail(fmt.Errorf("the worker said %q: %w", out.String(), err))
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return run{
		Seconds: o.Seconds, ChangesPerSec: float64(j.Changes) / o.Seconds,
		CPUPerMillion: cpu.Seconds() / float64(j.Changes) * 1e6, PeakMemoryBytes: o.PeakMemoryBytes,
		Commits: o.Commits, CommitSeconds: o.CommitSeconds,
	}, nil
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
