// Package client asks Dossier's HTTP API. Its answers are package query's types; docs/http-api.md says what they mean.
//
// It does not retry: an answer to a person is wanted now or not at all, and a *Problem says whether and when to ask again.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// DefaultServer is where a server listens by default.
const DefaultServer = "http://127.0.0.1:8080"

// maxAnswer bounds an answer, in bytes: a page of the largest values stays below it.
const maxAnswer = 256 << 20

// Client asks one server. Its methods are safe for concurrent use.
type Client struct {
	base          *url.URL
	authorization string
	http          *http.Client
}

// New returns a client for the server's URL, such as http://127.0.0.1:8080. authorization is the value of the Authorization header, such as "Bearer …";
// "" sends none. A nil transport is the default one.
func New(server, authorization string, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return nil, errors.New("not a URL; expected one such as " + DefaultServer) // without the text, which may hold a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("expected http:// or https:// and a host, such as " + DefaultServer)
	case u.User != nil:
		return nil, errors.New("holds a user; give credentials apart from the address")
	}
	u.RawQuery, u.Fragment = "", ""
	return &Client{base: u, authorization: authorization, http: &http.Client{Transport: transport}}, nil
}

// Server returns the server's URL.
func (c *Client) Server() string { return c.base.String() }

// Authorized says whether requests say who asks.
func (c *Client) Authorized() bool { return c.authorization != "" }

// Problem is an answer that is none: the problem details of RFC 9457 that the server sent.
type Problem struct {
	Status    int      `json:"status"`
	Title     string   `json:"title"`
	Detail    string   `json:"detail"`
	Parameter string   `json:"parameter"`
	Position  int      `json:"position"` // in the parameter, in characters from 1; 0 where that says nothing
	Errors    []Fault  `json:"errors"`
	Header    struct { // of the HTTP answer
		RetryAfter, RequestID string
	} `json:"-"`
}

// Fault is one thing that is wrong with what was sent.
type Fault struct {
	Pointer string `json:"pointer"` // where, as a JSON pointer
	Detail  string `json:"detail"`
}

// Error says what the server said.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if text == "" {
		text = fmt.Sprintf("the server answered with status %d (%s)", p.Status, http.StatusText(p.Status))
	}
	switch {
	case p.Parameter != "" && p.Position > 0:
		text = fmt.Sprintf("%s, at character %d: %s", p.Parameter, p.Position, text)
	case p.Parameter != "":
		text = p.Parameter + ": " + text
	}
	for _, f := range p.Errors {
		text += "\n  " + strings.TrimPrefix(f.Pointer+": "+f.Detail, ": ")
	}
	return text
}

// Unreachable is a server that gave no answer at all.
type Unreachable struct {
	Server string
	Err    error
}

// Error says which server, and why.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("no answer from %s: %v", u.Server, u.Err)
}

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// Path names a call below /api/v1, segment by segment: each is escaped, so that an id may hold anything.
type Path []string

func (p Path) escaped() string {
	var b strings.Builder
	b.WriteString("/api/v1")
	for _, segment := range p {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(segment))
	}
	return b.String()
}

// request makes a request for a call.
func (c *Client) request(ctx context.Context, method string, path Path, parameters url.Values, body io.Reader) (*http.Request, error) {
	address := strings.TrimSuffix(c.base.String(), "/") + path.escaped()
	if len(parameters) > 0 {
		address += "?" + parameters.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "dossier-client")
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
	return r, nil
}

// do sends a request and returns an answer that is good, to be closed by the caller.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	response, err := c.http.Do(r)
	if err != nil {
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL is said already, and its query is nobody's business in a log
		}
		return nil, &Unreachable{c.Server(), err}
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	problem := &Problem{}
	// A proxy's page is no problem document: the status then says all there is.
	if text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20)); err == nil {
		_ = json.Unmarshal(text, problem)
	}
	problem.Status = response.StatusCode
	problem.Header.RetryAfter, problem.Header.RequestID = response.Header.Get("Retry-After"), response.Header.Get("X-Request-Id")
	return nil, problem
}

// Get asks a call and returns its answer.
func Get[T any](ctx context.Context, c *Client, path Path, parameters url.Values) (*T, error) {
	r, err := c.request(ctx, http.MethodGet, path, parameters, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	return answer[T](c, r)
}

// Post sends a body as JSON and returns the answer. key, where it is not empty, makes a repetition of the same call the same call.
func Post[T any](ctx context.Context, c *Client, path Path, key string, body any) (*T, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := c.request(ctx, http.MethodPost, path, nil, strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return answer[T](c, r)
}

func answer[T any](c *Client, r *http.Request) (*T, error) {
	response, err := c.do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var into T
	limited := &io.LimitedReader{R: response.Body, N: maxAnswer}
	if err := json.NewDecoder(limited).Decode(&into); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("%s: the answer is over %d MiB; ask for fewer items", r.URL.Path, maxAnswer>>20)
		}
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		return nil, fmt.Errorf("%s %s: not an answer of Dossier's: %w", c.Server(), r.URL.Path, err)
	}
	return &into, nil
}
