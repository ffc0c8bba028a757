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

// requester sends requests and reads answers; all of Writer and Setup goes through it.
type requester struct {
	client elastictransport.Interface
}

// do sends a request and returns the body of a good answer; an answer that is none gives an *apiError.
func (r requester) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	// The host is the client's to choose.
	request, err := http.NewRequestWithContext(ctx, method, path, reader)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Perform(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, request.URL.Path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: the answer breaks off: %w", method, request.URL.Path, err)
	}
	if response.StatusCode > 299 {
		return nil, answerError(response.StatusCode, answer)
	}
	return answer, nil
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
