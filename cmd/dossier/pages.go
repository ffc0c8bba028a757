package main

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"dossier/client"
)

// pageFlags say how much of a list is asked for, and in which form it is printed.
type pageFlags struct {
	serverFlags
	limit  int
	asJSON bool
}

func (p *pageFlags) register(cmd *cobra.Command, items string) {
	p.serverFlags.register(cmd)
	cmd.Flags().IntVar(&p.limit, "limit", 50, "print at most `N` "+items+"; 0 all")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print JSON, one object a line")
}

// open returns the server's client, once it has refused what no server need be asked about.
func (p *pageFlags) open(cmd *cobra.Command) (*client.Client, error) {
	if p.limit < 0 {
		return nil, misuse("--limit: expected 0 (all) or more, got %d", p.limit)
	}
	return p.client(cmd)
}

// fetchSize is how many items one question asks for at most.
const fetchSize = 500

// eachPage asks for page after page until limit items have been given to print, and says whether there are more. items and next take an answer apart.
func eachPage[T, I any](ctx context.Context, p *pageFlags, c *client.Client, path client.Path, parameters url.Values, take func(*T) ([]I, string), print func(*T, []I) error) (more bool, err error) {
	if parameters == nil {
		parameters = url.Values{}
	}
	printed := 0
	for {
		size := fetchSize
		if p.limit > 0 {
			size = min(size, p.limit-printed)
		}
		parameters.Set("limit", strconv.Itoa(size))
		answer, err := getWithin[T](ctx, p.timeout, c, path, parameters)
		if err != nil {
			return false, explained(err)
		}
		items, next := take(answer)
		if err := print(answer, items); err != nil {
			return false, err
		}
		printed += len(items)
		switch {
		case next == "":
			return false, nil
		case p.limit > 0 && printed >= p.limit:
			return true, nil
		}
		parameters.Set("cursor", next)
	}
}

// getWithin asks one question and waits no longer than timeout.
func getWithin[T any](ctx context.Context, timeout time.Duration, c *client.Client, path client.Path, parameters url.Values) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return client.Get[T](ctx, c, path, parameters)
}

// postWithin sends one body and waits no longer than --timeout.
func postWithin[T any](cmd *cobra.Command, s *serverFlags, c *client.Client, path client.Path, key string, body any) (*T, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), s.timeout)
	defer cancel()
	return client.Post[T](ctx, c, path, key, body)
}

// setParameters sets those that are not empty.
func setParameters(parameters url.Values, pairs ...string) url.Values {
	if parameters == nil {
		parameters = url.Values{}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parameters.Set(pairs[i], pairs[i+1])
		}
	}
	return parameters
}

// printLines prints items as JSON, one a line.
func printLines[I any](w io.Writer, items []I) error {
	for i := range items {
		if err := printJSONLine(w, items[i]); err != nil {
			return err
		}
	}
	return nil
}
