package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTicks is how many a second Linux counts processor time in, whatever the machine.
const clockTicks = 100

// sampleCPU sends, for each window, how many cores each process kept busy. Without /proc it sends empty ones.
func (p *pipeline) sampleCPU(ctx context.Context, ends []time.Time) <-chan []map[string]float64 {
	out := make(chan []map[string]float64, 1)
	go func() {
		var cores []map[string]float64
		var before map[string]float64
		for i, end := range ends {
			if sleepUntil(ctx, end) != nil {
				break
			}
			now := p.cpuSeconds()
			if i > 0 {
				used := map[string]float64{}
				for name, seconds := range now {
					used[name] = (seconds - before[name]) / end.Sub(ends[i-1]).Seconds()
				}
				cores = append(cores, used)
			}
			before = now
		}
		out <- cores
	}()
	return out
}

// cpuSeconds returns the processor time that each part of the pipeline has taken, PostgreSQL's with that of its sessions, and apart what
// sending its log took.
func (p *pipeline) cpuSeconds() map[string]float64 {
	names := map[int]string{}
	for _, process := range p.processes {
		names[process.cmd.Process.Pid] = process.role
	}
	return processSeconds(names)
}

// processSeconds returns the processor time of this program, of the stack's servers and of the processes named, so far.
func processSeconds(names map[int]string) map[string]float64 {
	seconds := map[string]float64{}
	names = maps.Clone(names)
	if names == nil {
		names = map[int]string{}
	}
	names[os.Getpid()] = "this program"
	type process struct {
		pid, parent int
		seconds     float64
		command     string
	}
	var all []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 13 {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		number := func(i int) int { n, _ := strconv.Atoi(fields[i]); return n }
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		one := process{pid, number(1), float64(number(11)+number(12)) / clockTicks, strings.ReplaceAll(string(command), "\x00", " ")}
		all = append(all, one)
		if one.parent == os.Getpid() && names[pid] == "" {
			names[pid] = serverOf(one.command)
		}
		if names[pid] == serverPostgres { // its sessions that have ended count as well
			all[len(all)-1].seconds += float64(number(13)+number(14)) / clockTicks
		}
	}
	for _, one := range all {
		name := names[one.pid]
		if name == "" && names[one.parent] == serverPostgres {
			name = serverPostgres
			if strings.Contains(one.command, "walsender") {
				seconds["of it, sending the log"] += one.seconds
			}
		}
		if name != "" {
			seconds[name] += one.seconds
		}
	}
	return seconds
}

const serverPostgres = "PostgreSQL"

// serverOf tells by its command line which of the stack's servers a process is; "" for none.
func serverOf(command string) string {
	for _, s := range []struct{ mark, name string }{
		{"ConnectDistributed", "Kafka Connect"}, {"kafka.Kafka", "Kafka"}, {"org.elasticsearch", "Elasticsearch"}, {"postgres -D", serverPostgres},
	} {
		if strings.Contains(command, s.mark) {
			return s.name
		}
	}
	return ""
}
