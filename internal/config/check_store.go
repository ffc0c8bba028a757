package config

import (
	"fmt"
	"os"
	"strings"
)

func (k *checker) store() {
	es, file := k.c.Sink.Elasticsearch, k.c.Sink.SQLite
	if es != nil && file != nil {
		k.fault("sink.sqlite", "given beside sink.elasticsearch; documents go into one store, leave the other out")
	}
	if file != nil {
		k.sqlite(file)
	}
	if es != nil {
		k.elasticsearch(es)
	}
}

func (k *checker) sqlite(s *SQLite) {
	const key = "sink.sqlite.path"
	switch info, err := os.Stat(s.Path); {
	case s.Path == "":
		k.fault(key, "missing; expected a file's name, such as dossier.db")
	case strings.HasPrefix(s.Path, ":memory:") || strings.HasPrefix(s.Path, "file:"):
		k.got(key, s.Path, "expected a file's plain name, such as dossier.db")
	case err == nil && info.IsDir():
		k.got(key, s.Path, "a directory; expected a file's name, such as dossier.db")
	}
	if len(k.c.Roles) > 0 && len(k.c.Serve.Access) == 0 {
		k.warn("roles", "no serve.access says who has these roles: with SQLite, whoever reaches serve.listen reads every scope")
	}
	if k.c.Sink.SearchTemplates == "required" {
		k.fault("sink.search_templates", "required, but SQLite has no stored search templates; leave it out, or use Elasticsearch or OpenSearch")
	}
}

func (k *checker) elasticsearch(es *Elasticsearch) {
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
	NeedSources Need = 1 << iota // at least one source
	NeedStore                    // a store, whichever
	NeedServe                    // what answers questions over HTTP: a store, and a look at who can reach it
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
	if needs&(NeedStore|NeedServe) != 0 && k.c.Sink.Elasticsearch == nil && k.c.Sink.SQLite == nil {
		k.fault("sink.elasticsearch", "missing; expected addresses, such as {addresses: [http://127.0.0.1:9200]}, or sink.sqlite, such as {path: dossier.db}")
	}
}
