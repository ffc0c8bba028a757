package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"dossier/test/stack/parts"
)

// machine is what the figures were measured on.
type machine struct {
	OS          string `json:"os"`
	CPU         string `json:"cpu,omitempty"` // empty where the system does not tell, like all below
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	// Load is how many processes wanted to run, on average of the last minute, before the runs: others' work that the figures suffer from.
	Load  string `json:"load,omitempty"`
	Go    string `json:"go"`
	Kafka string `json:"kafka"`
}

func thisMachine() machine {
	memory, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m := machine{
		OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), MemoryBytes: memory << 10,
		Go: runtime.Version(), Kafka: parts.KafkaVersion,
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %d cores (the broker beside), %d GiB, load %s before; %s, Kafka %s", m.OS, m.CPU, m.Cores, m.MemoryBytes>>30, m.Load, m.Go, m.Kafka)
}

// procField returns the first value of a key in one of Linux's files of "key: value" lines; "" without.
func procField(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
