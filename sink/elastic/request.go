package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// requester sends requests and reads answers; all of Writer, Reader and Setup goes through it.
type requester struct {
	client elastictransport.Interface
}

// answer is what the store said to a request.
type answer struct {
	header http.Header // nil where nothing came
	body   []byte
}

// do sends a request and returns the body of a good answer; an answer that is none gives an *apiError.
func (r requester) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	a, err := r.send(ctx, method, path, contentType, http.Header{}, body, unlimited)
	return a.body, err
}

// unlimited takes an answer of any size.
const unlimited = 1<<63 - 1

// errorLimit is how much of an answer that tells a fault is read, in bytes.
const errorLimit = 1 << 20

// send sends a request with headers of its own and reads an answer of at most limit bytes; a larger one gives errTooLarge.
func (r requester) send(ctx context.Context, method, path, contentType string, header http.Header, body []byte, limit int64) (answer, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	// The host is the client's to choose.
	request, err := http.NewRequestWithContext(ctx, method, path, reader)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header = header
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Perform(request)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, request.URL.Path, err)
	}
	defer response.Body.Close()
	if response.StatusCode > 299 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, errorLimit))
		e := answerError(response.StatusCode, text)
		e.RetryAfter, e.challenges = retryAfter(response.Header), response.Header.Values("WWW-Authenticate")
		return answer{header: response.Header}, e
	}
	text, err := readAll(response, limit)
	if err != nil {
		return answer{header: response.Header}, fmt.Errorf("%s %s: %w", method, request.URL.Path, err)
	}
	return answer{response.Header, text}, nil
}

// readAll reads a body, into memory that is taken once where the answer tells its size.
func readAll(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, errTooLarge
	}
	var text bytes.Buffer
	if response.ContentLength > 0 {
		text.Grow(int(response.ContentLength) + bytes.MinRead)
	}
	body := io.Reader(response.Body)
	if limit < unlimited {
		body = io.LimitReader(body, limit+1)
	}
	n, err := text.ReadFrom(body)
	if err != nil {
		return nil, fmt.Errorf("the answer breaks off: %w", err)
	}
	if n > limit {
		return nil, errTooLarge
	}
	return text.Bytes(), nil
}

// answerError reads what an answer says is wrong; "error" may also be a plain text, or the answer a proxy's page.
func answerError(status int, answer []byte) *apiError {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	e := &apiError{}
	if json.Unmarshal(answer, &body) == nil && json.Unmarshal(body.Error, e) != nil {
		_ = json.Unmarshal(body.Error, &e.Reason) // a text; or nothing to say
	}
	e.Status = status
	return e
}
