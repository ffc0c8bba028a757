package elastic

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"dossier/query"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// Reader answers questions from the version documents in Elasticsearch or OpenSearch. It has no credentials of its own: what somebody may see is for the
// store to say, by the Authorization header of whoever asks.
type Reader struct {
	client  elastictransport.Interface
	timeout time.Duration
	product productMemory
	names   names
}

// NewReader returns a reader. Of the configuration it takes addresses, what it takes to trust the nodes, and RequestTimeout (default: 30 seconds). Whatever would log it in
// is left out, a certificate of its own included. It connects to nothing yet.
func NewReader(c Config) (*Reader, error) {
	c.Username, c.Password, c.APIKey, c.BearerToken = "", "", "", ""
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.Certificates, c.TLS.GetClientCertificate = nil, nil
	}
	timeout := c.RequestTimeout
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	client, err := newClient(c, len(c.Addresses)-1)
	if err != nil {
		return nil, err
	}
	return &Reader{client: client, timeout: timeout}, nil
}

// For returns the store as one caller sees it: each request carries this Authorization header, such as "Basic …", "ApiKey …" or "Bearer …", and nothing else that
// could open a door; none for "".
func (r *Reader) For(authorization string) query.Store {
	return view{Reader: r, authorization: authorization}
}

// Caller is who asks, as the store knows them.
type Caller struct {
	Name  string // "" for anybody, where the store has no security
	Roles []string
}

// Who asks the store who a caller is. The error is a *query.Error, with CodeUnauthenticated where the store does not know them.
func (r *Reader) Who(ctx context.Context, authorization string) (Caller, error) {
	return view{Reader: r, authorization: authorization}.who(ctx)
}

// view is the store as one caller sees it.
type view struct {
	*Reader
	authorization string
	indices       string // that a question is put to
}

// lenient lets a wildcard name nothing.
const lenient = "ignore_unavailable=true&allow_no_indices=true&expand_wildcards=open"

// errTooLarge says that an answer is larger than was allowed.
var errTooLarge = errors.New("the answer is larger than allowed")

// ask sends a question and returns the body of a good answer of at most limit bytes.
func (v view) ask(ctx context.Context, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	if strings.ContainsFunc(v.authorization, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return nil, &query.Error{Code: query.CodeUnauthenticated, Detail: "the Authorization header cannot be read"}
	}
	header := http.Header{}
	if v.authorization != "" {
		header.Set("Authorization", v.authorization)
	}
	asked, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	answer, err := requester{v.client}.send(asked, method, path, contentType, header, body, limit)
	v.product.learn(answer.header)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return answer.body, err
}
