package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// NewClient returns a client for the configuration, for Elasticsearch and OpenSearch alike: the official client of either refuses the other, and differs in nothing
// else that matters here. It does not retry by itself: Writer knows better what to try again. It connects to nothing yet.
func NewClient(c Config) (elastictransport.Interface, error) { return newClient(c, 0) }

// newClient returns a client that asks another node, retries times, where one does not answer.
func newClient(c Config, retries int) (elastictransport.Interface, error) {
	c = c.Defaults()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = c.InFlight + 2
	if c.TLS != nil {
		transport.TLSClientConfig = c.TLS.Clone()
	}
	if len(c.CACert) > 0 {
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		authorities := x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(c.CACert) {
			return nil, errors.New("the authority's certificate is no PEM certificate")
		}
		transport.TLSClientConfig.RootCAs = authorities
	}
	config := elastictransport.Config{
		UserAgent: "dossier", Username: c.Username, Password: c.Password, APIKey: c.APIKey, ServiceToken: c.BearerToken,
		Transport: transport, DisableRetry: retries == 0, MaxRetries: retries, RetryOnStatus: []int{},
	}
	for i, address := range c.Addresses {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("addresses[%d]: not a URL; expected one such as http://127.0.0.1:9200", i)
		}
		if u.User != nil {
			return nil, fmt.Errorf("addresses[%d]: holds a user; put it into username and password", i)
		}
		config.URLs = append(config.URLs, u)
	}
	client, err := elastictransport.New(config)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch client: %w", err)
	}
	return client, nil
}
