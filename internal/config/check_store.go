package config

import "fmt"

func (k *checker) store() {
	es := k.c.Sink.Elasticsearch
	if es == nil {
		return
	}
	const key = "sink.elasticsearch"
	if len(es.Addresses) == 0 {
		k.fault(key+".addresses", "missing; expected at least one address, such as [http://127.0.0.1:9200]")
	}
	for i, a := range es.Addresses {
		k.url(fmt.Sprintf("%s.addresses[%d]", key, i), a)
	}
	k.atLeast(key+".shards", int64(es.Shards), 1, "1")
	k.atLeast(key+".replicas", int64(es.Replicas), 0, "0")
	k.credentials(key, es.Credentials)
	k.tls(key+".tls", es.TLS)
	if es.Setup != nil {
		k.credentials(key+".setup", *es.Setup)
	}
}

// Need is something that a command cannot do without.
type Need uint8

const (
	NeedSources       Need = 1 << iota // at least one source
	NeedElasticsearch                  // a store
)

// Require returns Faults for what is needed and missing; nil if all is there.
func (c *Config) Require(needs Need) error {
	k := &checker{c: c}
	k.required(needs)
	if len(k.faults) > 0 {
		return k.faults
	}
	return nil
}

func (k *checker) required(needs Need) {
	if needs&NeedSources != 0 && len(k.c.Sources) == 0 {
		k.fault("sources", "missing; expected at least one, such as [{name: shop}], where the name is the connector's topic.prefix")
	}
	if needs&NeedElasticsearch != 0 && k.c.Sink.Elasticsearch == nil {
		k.fault("sink.elasticsearch", "missing; expected addresses, such as {addresses: [http://127.0.0.1:9200]}")
	}
}
