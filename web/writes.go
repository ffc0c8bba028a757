package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dossier/intake"
	"dossier/internal/useragent"
	"dossier/requestcontext"
	"dossier/schema"
)

const (
	// maxBody bounds a body, in bytes.
	maxBody = 1 << 20
	// bodyTimeout bounds how long a body may take to arrive.
	bodyTimeout = 30 * time.Second
	// noKafkaRetry is when to ask again a server that has no Kafka configured: after somebody has configured it.
	noKafkaRetry = 10 * time.Minute
)

// receive waits for a body to arrive. Few may do so at a time: senders that are slow hold none of the slots that questions need.
func (a *API) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !a.bodies.take() {
		return nil, unavailable("too many bodies are on their way", tooManyRetry, nil)
	}
	defer a.bodies.give()
	// A deadline left behind would end the request when it passes, so it is taken back once the body is here.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer without deadlines is a test's
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	_ = rc.SetReadDeadline(time.Time{})
	return body, nil
}

// readBody reads a whole body of JSON.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	switch {
	case err != nil, media != "application/json":
		return nil, newProblem(kindMediaType, "expected Content-Type: application/json")
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return nil, newProblem(kindMediaType, "expected JSON in UTF-8")
	case r.Header.Get("Content-Encoding") != "":
		return nil, newProblem(kindMediaType, "expected a body without Content-Encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newProblem(kindTooLarge, "the body is over 1 MiB, which is the most that is taken")
	case err != nil:
		p := newProblem(kindInvalid, "the body did not arrive whole")
		p.cause = err
		return nil, p
	}
	return body, nil
}

// nameVersion answers POST /versions.
func (a *API) nameVersion(c *call) (answer, error) {
	request, err := intake.ParseVersionRequest(c.body)
	if err != nil {
		return answer{}, faultsOf(err)
	}
	key, err := idempotencyKey(c.Request)
	if err != nil {
		return answer{}, err
	}
	result, err := a.Desk.NameVersion(c.ctx(), a.reader(c), request, key, c.sender)
	if err != nil {
		return answer{}, faultsOf(err)
	}
	return answer{status: createdOr202(result.Stored), body: result, location: "/api/v1/versions/" + url.PathEscape(result.Name)}, nil
}

// giveFeedback answers POST /feedback.
func (a *API) giveFeedback(c *call) (answer, error) {
	feedback, err := intake.ParseFeedback(c.body)
	if err != nil {
		return answer{}, faultsOf(err)
	}
	result, err := a.Desk.GiveFeedback(c.ctx(), a.reader(c), feedback, c.sender)
	if err != nil {
		return answer{}, faultsOf(err)
	}
	return answer{status: createdOr202(result.Stored), body: result}, nil
}

// createdOr202 is 202 for what is published and cannot be read yet.
func createdOr202(stored bool) int {
	if stored {
		return http.StatusCreated
	}
	return http.StatusAccepted
}

// idempotencyKey reads the header that makes a repetition of a request the same request.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	switch {
	case len(values) > 1:
		return "", badParameter("Idempotency-Key", "it is given more than once; give it once")
	case len(values) == 1 && values[0] == "":
		return "", badParameter("Idempotency-Key", "it is empty; leave it out, or give it a value")
	case len(values) == 0:
		return "", nil
	}
	if err := intake.CheckIdempotencyKey(values[0]); err != nil {
		return "", badParameter("Idempotency-Key", "expected at most 200 printable ASCII characters")
	}
	return values[0], nil
}

// reader is the store as the caller sees it, for what is written about it.
func (a *API) reader(c *call) intake.Reader {
	reader := intake.NewReader(c.caller.Store(), a.service(c.caller))
	reader.MaySee = c.caller.MaySee
	return reader
}

// faultsOf turns the faults of a body into a problem with one entry for each.
func faultsOf(err error) error {
	var faults intake.Faults
	if !errors.As(err, &faults) {
		return err
	}
	detail := "the body has faults"
	if len(faults) == 1 {
		detail = faults[0].Detail
		if faults[0].Pointer != "" {
			detail = faults[0].Pointer + ": " + detail
		}
	}
	p := newProblem(kindFaults, detail)
	for _, f := range faults {
		p.Errors = append(p.Errors, Fault{f.Pointer, f.Detail})
	}
	return p
}

// agents parses User-Agent headers of those who write, and of those whose reads are recorded.
var agents = useragent.New(256)

// sender is who sent a request, as events say it.
func (a *API) sender(c *call) (intake.Caller, error) {
	identity, err := c.caller.Identity(c.ctx())
	if err != nil {
		return intake.Caller{}, err
	}
	from, _ := requestcontext.From(c.ctx())
	who := intake.Caller{RequestID: from.RequestID, TraceID: from.TraceID, IP: from.IP, UserAgent: agents.Parse(from.UserAgent)}
	if identity.Name != "" {
		who.User = schema.User{ID: identity.Name, Roles: identity.Roles}
	}
	return who, nil
}
