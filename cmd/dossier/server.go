package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dossier/client"
	"dossier/query"
)

// Environment variables of the commands that ask a server. Secrets have no flags: those can be read in the list of processes.
const (
	envServer   = "DOSSIER_SERVER"
	envLogin    = "DOSSIER_LOGIN"
	envPassword = "DOSSIER_PASSWORD"
	envToken    = "DOSSIER_TOKEN"
	envAPIKey   = "DOSSIER_API_KEY"
)

const serverHelp = `

The server is $` + envServer + `, or ` + client.DefaultServer + `. Who asks: a bearer token in $` + envToken + `, an Elasticsearch API key in $` + envAPIKey + `, or --login with the
password in $` + envPassword + ` or typed in.`

// serverFlags say which server is asked, and as whom.
type serverFlags struct {
	server, login, tokenFile, caFile string
	timeout                          time.Duration
}

func (s *serverFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.server, "server", "", "the server's `URL` (default $"+envServer+", or "+client.DefaultServer+")")
	f.StringVar(&s.login, "login", "", "ask as the user `NAME` of the store (default $"+envLogin+")")
	f.StringVar(&s.tokenFile, "token-file", "", "`FILE` that holds a bearer token")
	f.StringVar(&s.caFile, "ca-file", "", "`FILE` with the authority's certificate (PEM) for https")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long to wait for an answer")
}

// client returns a client as the flags and the environment say.
func (s *serverFlags) client(cmd *cobra.Command) (*client.Client, error) {
	server, from := s.server, "--server"
	if server == "" {
		server, from = os.Getenv(envServer), "$"+envServer
	}
	if server == "" {
		server = client.DefaultServer
	}
	authorization, err := s.authorization(cmd)
	if err != nil {
		return nil, err
	}
	var transport http.RoundTripper
	if s.caFile != "" {
		if transport, err = trusting(s.caFile); err != nil {
			return nil, misuse("--ca-file: %w", err)
		}
	}
	c, err := client.New(server, authorization, transport)
	if err != nil {
		return nil, misuse("%s: %w", from, err)
	}
	return c, nil
}

func trusting(caFile string) (http.RoundTripper, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", caFile)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return transport, nil
}

// authorization returns the header that says who asks; "" for nobody in particular. A flag goes before the environment.
func (s *serverFlags) authorization(cmd *cobra.Command) (string, error) {
	switch {
	case s.tokenFile != "" && s.login != "":
		return "", misuse("--token-file and --login: give one way to say who asks")
	case s.tokenFile != "":
		token, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return "", misuse("--token-file: %w", err)
		}
		return bearer("--token-file", string(token))
	case s.login != "":
		return basic(cmd, s.login)
	case os.Getenv(envToken) != "":
		return bearer("$"+envToken, os.Getenv(envToken))
	case os.Getenv(envAPIKey) != "":
		return "ApiKey " + strings.TrimSpace(os.Getenv(envAPIKey)), nil
	case os.Getenv(envLogin) != "":
		return basic(cmd, os.Getenv(envLogin))
	}
	return "", nil
}

func bearer(from, token string) (string, error) {
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", misuse("%s: expected one token, without spaces", from)
	}
	return "Bearer " + token, nil
}

func basic(cmd *cobra.Command, user string) (string, error) {
	password, ok := os.LookupEnv(envPassword)
	if !ok {
		if !isTerminal(cmd.InOrStdin()) {
			return "", misuse("the password of %s: set $%s", user, envPassword)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Password of %s: ", user)
		typed, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		password = string(typed)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), nil
}

// explained adds what to do to an error of a question.
func explained(err error) error {
	var unreachable *client.Unreachable
	var problem *client.Problem
	switch {
	case errors.As(err, &unreachable) && errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf(`nothing listens at %s; start "dossier run" or "dossier demo", or name the server with --server or $%s`, unreachable.Server, envServer)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time; narrow the question, or wait longer with --timeout")
	case !errors.As(err, &problem):
		return err
	}
	switch problem.Status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w (say who asks with --login, --token-file, $%s or $%s)", err, envToken, envAPIKey)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return &exitError{code: exitMisuse, err: err}
	case http.StatusServiceUnavailable:
		if problem.Header.RetryAfter != "" {
			return fmt.Errorf("%w (try again in %s s)", err, problem.Header.RetryAfter)
		}
	case http.StatusInternalServerError:
		return fmt.Errorf("%w (request %s in the server's log)", err, problem.Header.RequestID)
	}
	return err
}

// entityArgs reads an entity from TYPE ID or from TYPE/ID. A type holds no slash, an id may.
func entityArgs(args []string) (query.Ref, error) {
	if len(args) == 2 {
		return query.Ref{Type: args[0], ID: args[1]}, nil
	}
	kind, id, ok := strings.Cut(args[0], "/")
	if !ok || kind == "" || id == "" {
		return query.Ref{}, misuse("%q names no entity; expected TYPE ID, or TYPE/ID such as person/17", args[0])
	}
	return query.Ref{Type: kind, ID: id}, nil
}

// completeTypes has the shell offer the entity types that the server knows.
func (s *serverFlags) completeTypes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := s.client(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	counts, err := client.Get[query.CountsAnswer](ctx, c, client.Path{"counts"}, map[string][]string{"by": {"type"}, "limit": {"200"}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var types []string
	for _, item := range counts.Items {
		if name, ok := item.Key.(string); ok {
			types = append(types, name)
		}
	}
	return types, cobra.ShellCompDirectiveNoFileComp
}
