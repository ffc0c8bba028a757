package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossier/internal/config"
	"dossier/query"
	"dossier/sink/elastic"
	"dossier/sink/sqlite"
	"dossier/web"
)

// openReader returns the one store that is configured, to read from.
func openReader(s config.Sink) (storeReader, error) {
	if s.SQLite != nil {
		reader, err := sqlite.OpenReader(s.SQLite.Path)
		if err != nil {
			return nil, fmt.Errorf("sink.sqlite: %w", err)
		}
		return sqliteReader{reader}, nil
	}
	encryption, err := tlsConfig("sink.elasticsearch.tls", s.Elasticsearch.TLS)
	if err != nil {
		return nil, err
	}
	reader, err := elastic.NewReader(elastic.Config{Addresses: s.Elasticsearch.Addresses, TLS: encryption, InFlight: readsInFlight})
	if err != nil {
		return nil, misuse("sink.elasticsearch: %w", err)
	}
	return elasticReader{reader}, nil
}

// readsInFlight is how many connections to each node are kept for questions to come.
const readsInFlight = 64

// sqliteReader knows callers by the configuration.
type sqliteReader struct{ *sqlite.Reader }

func (r sqliteReader) access(c *config.Config) web.Access {
	access := &web.TokenAccess{For: r.For}
	for _, a := range c.Serve.Access {
		access.Tokens = append(access.Tokens, web.Token{Identity: web.Identity{Name: a.Name, Roles: a.Roles}, Hash: a.Hash(), Scopes: c.ScopesOf(a.Roles)})
	}
	return access
}

func (r sqliteReader) answers(ctx context.Context) error { return r.Ready(ctx) }

// elasticReader leaves it to the store to know callers.
type elasticReader struct{ *elastic.Reader }

func (r elasticReader) access(c *config.Config) web.Access {
	return &web.StoreAccess{For: r.For, Scopes: c.AllScopes(), Now: time.Now, Who: func(ctx context.Context, authorization string) (web.Identity, error) {
		who, err := r.Who(ctx, authorization)
		return web.Identity{Name: who.Name, Roles: who.Roles}, err
	}}
}

// answers asks as nobody: that the store wants to know who asks is an answer.
func (r elasticReader) answers(ctx context.Context) error {
	_, err := r.For("").Search(ctx, query.Search{Limit: 1})
	var refused *query.Error
	if errors.As(err, &refused) && (refused.Code == query.CodeUnauthenticated || refused.Code == query.CodeForbidden) {
		return nil
	}
	return err
}

// Close does nothing: connections end by themselves.
func (elasticReader) Close() error { return nil }
