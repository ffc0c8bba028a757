package elastic

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"time"
)

// Config says how to reach Elasticsearch or OpenSearch and how hard to press it.
type Config struct {
	// Addresses are the nodes' URLs, such as http://127.0.0.1:9200. Required.
	Addresses []string
	// Username and Password, or APIKey (its encoded form), or BearerToken authenticate; none of them where security is off.
	Username, Password string
	APIKey             string
	BearerToken        string
	// CACert is the authority's certificate in PEM form, where the nodes' certificate is not signed by a well-known one.
	CACert []byte
	// TLS is how connections are encrypted, where the system's way does not do; nil otherwise. A certificate of its own authenticates, too.
	TLS *tls.Config

	// BulkBytes bounds a bulk request's body, in bytes. A document that is larger than that alone goes alone. Default: 5,000,000.
	BulkBytes int
	// BulkDocuments bounds the documents of one bulk request. Default: 2,000.
	BulkDocuments int
	// InFlight bounds the bulk requests under way, those that wait for their next attempt included. Memory for bodies is about
	// InFlight times BulkBytes. Default: 4.
	InFlight int
	// RequestTimeout bounds one attempt of one request. A document whose answer is lost this way is found again by its identity.
	// Default: 1 minute.
	RequestTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause before another attempt, which doubles each time and is random in its upper half.
	// Defaults: 100 ms and 30 s.
	BackoffMin, BackoffMax time.Duration
}

// Defaults fills what is zero.
func (c Config) Defaults() Config {
	fill := func(to *int, value int) {
		if *to == 0 {
			*to = value
		}
	}
	fill(&c.BulkBytes, 5_000_000)
	fill(&c.BulkDocuments, 2_000)
	fill(&c.InFlight, 4)
	if c.RequestTimeout == 0 {
		c.RequestTimeout = time.Minute
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 100 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = max(30*time.Second, c.BackoffMin)
	}
	return c
}

// Validate reports every fault of the configuration. Zero values are no fault where there is a default.
func (c Config) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Addresses) == 0 {
		fault("addresses: none given; expected the nodes' URLs, such as http://127.0.0.1:9200")
	}
	for i, address := range c.Addresses {
		u, err := url.Parse(address)
		switch {
		case err != nil:
			fault("addresses[%d]: not a URL; expected one such as http://127.0.0.1:9200", i) // without the text, which may hold a password
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			fault("addresses[%d]: expected http:// or https:// and a host, such as http://127.0.0.1:9200", i)
		case u.User != nil:
			fault("addresses[%d]: holds a user; put it into username and password", i)
		}
	}
	if c.APIKey != "" && (c.Username != "" || c.Password != "") {
		fault("api_key: given together with username or password; keep one way to authenticate")
	}
	if c.BearerToken != "" && (c.APIKey != "" || c.Username != "" || c.Password != "") {
		fault("bearer_token: given together with api_key, username or password; keep one way to authenticate")
	}
	if c.APIKey == "" && (c.Username == "") != (c.Password == "") {
		fault("username, password: one is given without the other")
	}
	for _, n := range []struct {
		key   string
		value int
	}{{"bulk_bytes", c.BulkBytes}, {"bulk_documents", c.BulkDocuments}, {"in_flight", c.InFlight}} {
		if n.value < 0 {
			fault("%s: %d is negative", n.key, n.value)
		}
	}
	if c.BulkBytes > 100_000_000 {
		fault("bulk_bytes: %d is more than Elasticsearch takes in one request (100 MB); 5,000,000 is a good value", c.BulkBytes)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"request_timeout", c.RequestTimeout}, {"backoff_min", c.BackoffMin}, {"backoff_max", c.BackoffMax}} {
		if d.value < 0 {
			fault("%s: %v is negative", d.key, d.value)
		}
	}
	if c.BackoffMin > 0 && c.BackoffMax > 0 && c.BackoffMin > c.BackoffMax {
		fault("backoff_min: %v is more than backoff_max, %v", c.BackoffMin, c.BackoffMax)
	}
	return faults
}
