package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// part is something that the command measures, beside its limit. It has servers of its own, which nothing else uses meanwhile.
type part struct {
	name  string
	about string               // one line of the help
	quick bool                 // measured where --part names none: done in some minutes, with no more than a broker
	needs []stack.Part         // the servers
	flags func(*pflag.FlagSet) // adds its own flags; nil without
	// validate returns every fault of its own flags; nil without.
	validate func() error
	// run measures, checks what came out, and returns what it found.
	run func(context.Context, *bench) (section, error)
}

// allParts returns every part, in the order in which they are measured. Each call makes new ones, with flags of their own.
func allParts() []part {
	return []part{
		processorPart(),
		instancesPart(),
		memoryPart(),
		sinkPart(),
		flatPart(),
		latencyPart(),
		databasePart(),
	}
}

// workers are what parts do in processes of their own, by name.
func workers() map[string]worker {
	return map[string]worker{
		workCopy:      doing(runCopy),
		workProcessor: doing(runProcessor),
		workBulk:      doing(runBulk),
		workSink:      doing(runSink),
	}
}

// pick returns the parts that are named, or else the quick ones.
func pick(all []part, names []string) ([]part, error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			var known []string
			for _, p := range all {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("--part %s: the parts are: %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(p part) bool {
		return len(names) == 0 && !p.quick || len(names) > 0 && !slices.Contains(names, p.name)
	}), nil
}

// describe lists the parts for the help.
func describe(all []part) string {
	var b strings.Builder
	for _, p := range all {
		by := ""
		if p.quick {
			by = " (by default)"
		}
		fmt.Fprintf(&b, "  %-10s %s%s\n", p.name, p.about, by)
	}
	return b.String()
}
