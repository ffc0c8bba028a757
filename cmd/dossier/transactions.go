package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/config"
	"dossier/processor"
	"dossier/schema"
	"dossier/sink"
)

// newTransactions builds the part of the sink that stores what the database reports of each transaction. It stores into the same store.
func newTransactions(c *config.Config, kafka []kgo.Opt, store sink.Store, observer sink.Observer) (*sink.TransactionLoop, error) {
	registry, err := newRegistry(c.SchemaRegistry)
	if err != nil {
		return nil, err
	}
	settings, err := processorConfig(c)
	if err != nil {
		return nil, err
	}
	coverage := processor.NewCoverage(settings)
	l := &sink.TransactionLoop{
		Config: sink.TransactionConfig{Group: transactionsGroup(c), DeadLetterTopic: c.DeadLetter.Topic},
		Kafka:  kafka, Store: store, Observer: observer, Now: time.Now,
	}
	for _, s := range settings.Sources {
		decoder := schema.DecoderConfig{Source: s.Name, Format: s.Format}
		if registry != nil {
			decoder.Schemas = registry
		}
		l.Config.Sources = append(l.Config.Sources, sink.TransactionSource{
			Name: s.Name, Decoder: schema.NewDecoder(decoder), Scope: func(table string) (string, bool) { return coverage.Scope(s.Name, table) },
		})
	}
	return l, nil
}

// transactionsGroup is the consumer group of those who read what the database reports of transactions.
func transactionsGroup(c *config.Config) string { return c.Sink.Group + ".transactions" }
