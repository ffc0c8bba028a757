package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// workerVariable holds a job for a process of its own: this program again. Processor time and memory are a process's, so each run has one.
const workerVariable = "DOSSIER_BENCH_JOB"

// job is what a process of its own is to do.
type job struct {
	Worker string          `json:"worker"` // one of workers
	Input  json.RawMessage `json:"input"`  // what it is told
	// Files to write; "" for none.
	CPUProfile    string `json:"cpu_profile,omitempty"`
	MemoryProfile string `json:"memory_profile,omitempty"`
}

// worker does a job and tells the watch when it did what. Its context ends when the process is to stop.
type worker func(ctx context.Context, input json.RawMessage, w *watch) error

// doing makes a worker of a function that is told a T.
func doing[T any](do func(context.Context, T, *watch) error) worker {
	return func(ctx context.Context, input json.RawMessage, w *watch) error {
		var t T
		if err := json.Unmarshal(input, &t); err != nil {
			return fmt.Errorf("%s: %w", workerVariable, err)
		}
		return do(ctx, t, w)
	}
}

// run is what a run took.
type run struct {
	// Seconds from the first batch of records that was read to the commit of the last.
	Seconds         float64            `json:"seconds"`
	PerSecond       float64            `json:"per_second"`              // changes, or whatever the part counts
	CPUPerMillion   float64            `json:"cpu_seconds_per_million"` // user and system, of the whole process from its start to its end
	PeakMemoryBytes int64              `json:"peak_memory_bytes"`       // resident; 0 where the system does not tell
	Commits         int                `json:"commits"`                 // Kafka transactions
	CommitSeconds   float64            `json:"commit_seconds"`          // of Seconds, spent waiting for their ends
	Figures         map[string]float64 `json:"figures,omitempty"`       // what else the worker told
}

// outcome is what a worker tells on its standard output, and what the system says that it took.
type outcome struct {
	Seconds         float64            `json:"seconds"`
	PeakMemoryBytes int64              `json:"peak_memory_bytes"`
	Commits         int                `json:"commits"`
	CommitSeconds   float64            `json:"commit_seconds"`
	Figures         map[string]float64 `json:"figures,omitempty"`
	CPUSeconds      float64            `json:"-"`
}

// run relates the outcome to the number of what was done.
func (o outcome) run(n int) run {
	return run{
		Seconds: o.Seconds, PerSecond: float64(n) / o.Seconds, CPUPerMillion: o.CPUSeconds / float64(n) * 1e6, PeakMemoryBytes: o.PeakMemoryBytes,
		Commits: o.Commits, CommitSeconds: o.CommitSeconds, Figures: o.Figures,
	}
}

// watch is the stopwatch of a run.
type watch struct {
	mu          sync.Mutex
	first, last time.Time
	commits     int
	committing  time.Duration
	figures     map[string]float64
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

// tell notes a figure of the worker's own, which becomes one of the run's.
func (w *watch) tell(name string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.figures == nil {
		w.figures = map[string]float64{}
	}
	w.figures[name] = value
}

// kafka returns the client's options: the addresses, and the watch's ears.
func (w *watch) kafka(brokers []string) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(brokers...), kgo.WithHooks(w)}
}

// isWorker says whether this process was started for a job.
func isWorker() bool { return os.Getenv(workerVariable) != "" }

// work does this process's job and returns its exit code. An interrupt ends the job's context.
func work() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
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
	do, ok := workers()[j.Worker]
	if !ok {
		return fmt.Errorf("%s: there is no worker %q", workerVariable, j.Worker)
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
	if err := do(ctx, j.Input, &w); err != nil {
		return err
	}
	if err := profileMemory(j.MemoryProfile); err != nil {
		return err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	w.tell("allocated_bytes", float64(memory.TotalAlloc))
	w.tell("garbage_collections", float64(memory.NumGC))
	return json.NewEncoder(os.Stdout).Encode(outcome{
		Seconds: w.last.Sub(w.first).Seconds(), PeakMemoryBytes: peakMemory(), Commits: w.commits, CommitSeconds: w.committing.Seconds(), Figures: w.figures,
	})
}

// profileMemory writes what was in use when garbage was collected last, while the work was still going on, and all that was allocated.
func profileMemory(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(file), file.Close())
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

// process is a worker at work.
type process struct {
	cmd      *exec.Cmd
	out, log bytes.Buffer
}

// begin starts a process of its own that does the job, which is told the input. It ends in order when the context does.
func begin(ctx context.Context, j job, input any) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if j.Input, err = json.Marshal(input); err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, program)}
	p.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	p.cmd.Cancel = p.stop
	p.cmd.WaitDelay = 20 * time.Second // the processor's last commit
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	return p, p.cmd.Start()
}

// stop asks it to end in order.
func (p *process) stop() error { return p.cmd.Process.Signal(os.Interrupt) }

// wait waits for its end. The error has the last lines of its log.
func (p *process) wait() (outcome, error) {
	if err := p.cmd.Wait(); err != nil {
		return outcome{}, fmt.Errorf("%w\n%s", err, tail(p.log.String(), 20))
	}
	var o outcome
	if err := json.Unmarshal(p.out.Bytes(), &o); err != nil {
		return outcome{}, fmt.Errorf("the worker said %q: %w", p.out.String(), err)
	}
	o.CPUSeconds = (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Seconds()
	return o, nil
}

// start does a job in a process of its own, and waits for its end.
func start(ctx context.Context, j job, input any) (outcome, error) {
	p, err := begin(ctx, j, input)
	if err != nil {
		return outcome{}, err
	}
	return p.wait()
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
