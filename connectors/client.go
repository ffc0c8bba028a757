package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds what is read of an answer, in bytes. The longest, a validation, has some 500 kB.
const maxBody = 8 << 20

// Client speaks to the REST interface of Kafka Connect. It is safe for concurrent use.
//
// Every call waits for a worker that is not ready yet: nobody listening, a web server that answers before it has anything to
// answer with (404 or 500 in HTML), a rebalance (409), a request that timed out within Connect. It gives up when its context
// ends, and the error then holds the last answer.
type Client struct {
	base *url.URL
	http *http.Client
	// backoff is the first pause between two attempts; pauses double up to ten times of it.
	backoff time.Duration
	// poll is the pause between two looks at a connector that starts, and settle how long it has to run, or to have failed,
	// before that is believed: Debezium reports RUNNING before it has tried to read the log, and after a change Connect tells
	// the state of before it for a moment.
	poll, settle time.Duration
}

// NewClient makes a client for the worker at address, such as http://127.0.0.1:8083. User and password may be part of it.
func NewClient(address string) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the address of Kafka Connect must be a URL such as http://127.0.0.1:8083")
	}
	return &Client{
		base:    base,
		http:    &http.Client{Timeout: 100 * time.Second}, // Connect itself gives up after 90
		backoff: 200 * time.Millisecond,
		poll:    300 * time.Millisecond,
		settle:  3 * time.Second,
	}, nil
}

// ResponseError is an answer by which Kafka Connect refuses a request.
type ResponseError struct {
	// Status is the HTTP status.
	Status int
	// Message is Connect's own, with its line breaks.
	Message string

	transient bool
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("kafka connect answered %d: %s", e.Status, e.Message)
}

// isNotFound tells a connector that is not there.
func isNotFound(err error) bool {
	var response *ResponseError
	return errors.As(err, &response) && response.Status == http.StatusNotFound && !response.transient
}

// call sends one request, repeats it while Connect is not ready, and decodes the answer into result unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, result any) (status int, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	pause := c.backoff
	failures := 0 // of Connect itself, as against not being ready
	for {
		status, err = c.once(ctx, method, path, content, result)
		if err == nil {
			return status, nil
		}
		var response *ResponseError
		if errors.As(err, &response) {
			if !response.transient {
				if response.Status < 500 || failures == 2 {
					return status, err
				}
				failures++
			}
		} else if ctx.Err() == nil && !isUnreachable(err) {
			return status, err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			if isOver(err) { // the deadline ended the attempt itself: say what was waited for
				err = errors.New("no answer")
			}
			return status, fmt.Errorf("kafka connect at %s is not ready: %w; see that it runs and that the address is right", c.base.Redacted(), err)
		case <-timer.C:
		}
		pause = min(2*pause, 10*c.backoff)
	}
}

func isOver(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// isUnreachable tells failures of the network, which pass, from those of the request itself.
func isUnreachable(err error) bool {
	var wrapped *url.Error
	return errors.As(err, &wrapped) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (c *Client) once(ctx context.Context, method, path string, content []byte, result any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/json")
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return response.StatusCode, &url.Error{Op: method, URL: c.base.Redacted() + path, Err: err}
	}
	if len(answer) > maxBody {
		return response.StatusCode, fmt.Errorf("the answer of %s is larger than %d bytes; is this Kafka Connect?", c.base.Redacted(), maxBody)
	}
	if response.StatusCode/100 != 2 {
		return response.StatusCode, refusal(response, answer)
	}
	if result == nil || response.StatusCode == http.StatusNoContent {
		return response.StatusCode, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	if err := decoder.Decode(result); err != nil {
		// A page in place of JSON is what a worker gives before its own resources are in place.
		return response.StatusCode, &ResponseError{Status: response.StatusCode, Message: "not JSON: " + firstLine(string(answer)), transient: true}
	}
	return response.StatusCode, nil
}

// refusal reads the error of an answer, and decides whether it will pass.
func refusal(response *http.Response, answer []byte) *ResponseError {
	var body struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	e := &ResponseError{Status: response.StatusCode}
	if json.Unmarshal(answer, &body) != nil || body.Message == "" {
		e.Message = firstLine(string(answer))
		if e.Message == "" || strings.HasPrefix(e.Message, "<") {
			e.Message = http.StatusText(response.StatusCode) + ", without saying why"
		}
		e.transient = response.StatusCode == http.StatusNotFound || response.StatusCode >= 500
		return e
	}
	e.Message = body.Message
	switch response.StatusCode {
	case http.StatusNotFound:
		e.transient = strings.Contains(body.Message, "HTTP 404") // the path itself: the worker's resources are not in place yet
	case http.StatusConflict, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.transient = true
	case http.StatusInternalServerError:
		lower := strings.ToLower(body.Message)
		e.transient = strings.Contains(lower, "timed out") || strings.Contains(lower, "rebalance") || strings.Contains(lower, "starting")
	}
	return e
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return strings.TrimSpace(line)
}
