// Command dossier keeps the full, attributed history of the rows of a database.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"dossier/internal/config"
)

func main() {
	// The first signal asks everything to finish what it has begun. From then on signals have their usual effect again, so that a second
	// one ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, newRootCommand(), os.Args[1:], os.Stderr))
}

// execute runs the command line and returns the exit code. It is the only place that prints an error.
func execute(ctx context.Context, root *cobra.Command, args []string, stderr io.Writer) int {
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitFailed
	var exit *exitError
	var faults config.Faults
	if errors.As(err, &exit) {
		if code = exit.code; exit.err == nil {
			return code
		}
	}
	errors.As(err, &faults)
	printError(stderr, err, faults)
	return code
}

func printError(w io.Writer, err error, faults config.Faults) {
	label := paint(w, red, "dossier:")
	if faults == nil {
		fmt.Fprintln(w, label, strings.TrimSpace(err.Error()))
		return
	}
	for _, f := range faults {
		fmt.Fprintln(w, f)
	}
	fmt.Fprintln(w, label, count(len(faults), "fault"), "in the configuration")
}
