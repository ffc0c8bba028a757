package main

import (
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"dossier/internal/config"
	"dossier/sink/elastic"
)

// newElasticsearch returns a client, for Elasticsearch or OpenSearch, that logs in with the given credentials. It does not retry: the writer knows better what
// to try again. It connects to nothing yet.
func newElasticsearch(es *config.Elasticsearch, login config.Credentials, inFlight int) (elastictransport.Interface, error) {
	encryption, err := tlsConfig("sink.elasticsearch.tls", es.TLS)
	if err != nil {
		return nil, err
	}
	client, err := elastic.NewClient(elastic.Config{Addresses: es.Addresses, Username: login.Username, Password: login.Password.Reveal(), APIKey: login.APIKey.Reveal(),
		BearerToken: login.BearerToken.Reveal(), TLS: encryption, InFlight: inFlight})
	if err != nil {
		return nil, misuse("sink.elasticsearch: %w", err)
	}
	return client, nil
}

// elasticSetup says what is to be in the store. A user of its own for the sink is made where setup logs in as somebody else.
func elasticSetup(c *config.Config, dryRun bool, now time.Time) (elastic.SetupConfig, config.Credentials) {
	es := c.Sink.Elasticsearch
	setup := elastic.SetupConfig{
		Scopes: c.AllScopes(), Shards: es.Shards, Replicas: &es.Replicas, DryRun: dryRun, Now: now,
		NoSecurity: es.Credentials == config.Credentials{} && es.Setup == nil,
	}
	for _, r := range c.Roles {
		setup.Roles = append(setup.Roles, elastic.Role{Name: r.Name, Scopes: r.Scopes})
	}
	login := es.Credentials
	if es.Setup != nil {
		login = *es.Setup
		if es.Username != "" && es.Username != login.Username {
			setup.SinkUser, setup.SinkPassword = es.Username, es.Password.Reveal()
		}
	}
	return setup, login
}

// writerConfig carries the configuration over to the writer's own.
func writerConfig(s config.Sink) elastic.Config {
	return elastic.Config{Addresses: s.Elasticsearch.Addresses, BulkBytes: int(s.BulkBytes), InFlight: s.InFlight}
}
