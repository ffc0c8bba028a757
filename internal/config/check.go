package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// checker collects what no single key shows: values out of range and keys that contradict each other.
type checker struct {
	c      *Config
	known  Faults // of the single keys
	faults Faults
}

func (c *Config) check(known Faults, needs Need) Faults {
	k := &checker{c: c, known: known}
	k.kafka()
	k.registry()
	k.sources()
	k.context()
	k.topics()
	k.limits()
	k.scopes()
	k.entities()
	k.store()
	k.listeners()
	k.serve(needs)
	k.required(needs)
	return k.faults
}

// fault records a fault of key, at the line or variable where the key or the nearest section around it was set.
func (c *Config) fault(key, format string, args ...any) Fault {
	f := Fault{Key: key, Message: fmt.Sprintf(format, args...)}
	o := locate(c.origins, key)
	if f.Env, f.Line = o.env, o.line; f.Env == "" {
		f.File = c.name
	}
	return f
}

// fault reports a fault, unless the key's own text is faulty already: one mistake is told once.
func (k *checker) fault(key, format string, args ...any) {
	for _, f := range k.known {
		if rest, ok := strings.CutPrefix(f.Key, key); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	k.faults = append(k.faults, k.c.fault(key, format, args...))
}

// got reports a value that is not what was expected. A value with placeholders is shown with them: what they stand for may be
// secret.
func (k *checker) got(key, value, expected string) {
	if o := k.c.origins[key]; o.raw != "" {
		value = o.raw
	}
	k.fault(key, "%s, got %q", expected, value)
}

func (k *checker) warn(key, format string, args ...any) {
	k.c.Warnings = append(k.c.Warnings, k.c.fault(key, format, args...).String())
}

// set says whether the file or the environment gave the key.
func (k *checker) set(key string) bool { _, ok := k.c.origins[key]; return ok }

func (k *checker) kafka() {
	if len(k.c.Kafka.Brokers) == 0 {
		k.fault("kafka.brokers", "missing; expected at least one address, such as [127.0.0.1:9092], or %s", Variable("kafka.brokers"))
	}
	for i, b := range k.c.Kafka.Brokers {
		if !isAddress(b) {
			k.got(fmt.Sprintf("kafka.brokers[%d]", i), b, "expected host:port such as 127.0.0.1:9092")
		}
	}
	k.tls("kafka.tls", k.c.Kafka.TLS)
	if s := k.c.Kafka.SASL; s != nil {
		if s.Username == "" {
			k.fault("kafka.sasl.username", "missing; SASL needs a user name")
		}
		k.password("kafka.sasl.password", s.Password)
		if s.Mechanism == "plain" && (k.c.Kafka.TLS == nil || !k.c.Kafka.TLS.Enabled) {
			k.warn("kafka.sasl.mechanism", "plain sends the password as it is, and kafka.tls is off; use scram-sha-512 or TLS")
		}
	}
}

// password reports a secret that is missing, unless it was given: then its own fault says why it is empty.
func (k *checker) password(key string, s Secret) {
	if s.IsSet() {
		return
	}
	if k.set(key) {
		k.fault(key, "empty; expected a password, by the key, %s, or a file named by %s%s", Variable(key), key, fileSuffix)
		return
	}
	k.fault(key, "missing; set it, %s, or name a file with %s%s", Variable(key), key, fileSuffix)
}

func (k *checker) tls(key string, t *TLS) {
	if t == nil || !t.Enabled {
		return
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		k.fault(key, "cert_file and key_file belong together; give both or none")
	}
	for _, f := range []struct{ name, path string }{{"ca_file", t.CAFile}, {"cert_file", t.CertFile}, {"key_file", t.KeyFile}} {
		if f.path == "" {
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			k.fault(key+"."+f.name, "cannot be read: %v", err)
			continue
		}
		file.Close()
	}
	if t.Insecure {
		k.warn(key+".insecure", "any certificate is accepted, so anybody on the way can read and change everything; use ca_file instead")
		if t.CAFile != "" {
			k.fault(key+".insecure", "set together with ca_file, which it makes useless; leave one out")
		}
	}
}

func (k *checker) registry() {
	r := k.c.SchemaRegistry
	if r == nil {
		if k.c.Audit.Format == "avro" {
			k.fault("audit.format", "avro needs schema_registry.url, where the schema is registered")
		}
		for i, s := range k.c.Sources {
			if s.Format == "avro" {
				k.fault(fmt.Sprintf("sources[%d].format", i), "avro needs schema_registry.url, where the schemas are")
			}
		}
		return
	}
	k.url("schema_registry.url", r.URL)
	k.tls("schema_registry.tls", r.TLS)
	k.credentials("schema_registry", Credentials{Username: r.Username, Password: r.Password, BearerToken: r.BearerToken})
}

func (k *checker) credentials(key string, c Credentials) {
	ways := 0
	for _, given := range []bool{c.Username != "" || c.Password.IsSet(), c.APIKey.IsSet(), c.BearerToken.IsSet()} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		k.fault(key, "more than one way to log in; give one of username and password, api_key, bearer_token")
	}
	switch {
	case c.Username != "":
		k.password(key+".password", c.Password)
	case c.Password.IsSet():
		k.fault(key+".password", "a password without %s.username", key)
	}
}

func (k *checker) url(key, text string) {
	if text == "" {
		k.fault(key, "missing; expected an address such as http://127.0.0.1:8081")
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		// Not quoted: a text that is no URL may hold a password.
		k.fault(key, "expected an address such as http://127.0.0.1:8081 or https://host:9200")
	case u.User != nil:
		k.fault(key, "has a user or password in it, which logs would show; use the keys username and password")
	}
}

// isAddress says whether the text is host:port with both parts.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, errPort := strconv.Atoi(port)
	return err == nil && host != "" && errPort == nil && 0 < n && n < 1<<16
}

// isListenAddress is isAddress, where the host may be left out, and port 0 means any free one.
func isListenAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	n, errPort := strconv.Atoi(port)
	return err == nil && errPort == nil && 0 <= n && n < 1<<16
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// isTable says whether the text is schema.table.
func isTable(text string) bool { return isTablePattern(text) && !strings.Contains(text, "*") }

// isTablePattern says whether the text is schema.table, either part perhaps with *.
func isTablePattern(text string) bool {
	schema, table, ok := strings.Cut(text, ".")
	return text == "*" || ok && schema != "" && table != "" && !strings.ContainsAny(text, " \t/")
}

func (k *checker) limits() {
	l := k.c.Limits
	k.atLeast("limits.buffer_bytes", int64(l.BufferBytes), 1<<20, "1MiB")
	k.atLeast("limits.buffer_records", int64(l.BufferRecords), 100, "100")
	k.atLeast("limits.context_bytes", int64(l.ContextBytes), 1<<20, "1MiB")
	k.atLeast("limits.context_records", int64(l.ContextRecords), 100, "100")
	k.atLeast("limits.pending_records", int64(l.PendingRecords), 100, "100")
	k.atLeast("audit.max_record_bytes", int64(k.c.Audit.MaxRecordBytes), 64<<10, "64KiB")
	if k.c.Audit.MaxRecordBytes > 60<<20 {
		k.fault("audit.max_record_bytes", "expected at most 60MiB: an event that cannot be stored must find room on the dead-letter topic")
	}
	k.atLeast("audit.partitions", int64(k.c.Audit.Partitions), 1, "1")
	k.atLeast("audit.replication_factor", int64(k.c.Audit.ReplicationFactor), 0, "0 (the brokers' default)")
	k.atLeast("audit.retention", int64(k.c.Audit.Retention), 0, "0 (kept for ever)")
	k.atLeast("processor.commit_interval", int64(k.c.Processor.CommitInterval), 1e6, "1ms")
	k.atLeast("processor.workers", int64(k.c.Processor.Workers), 0, "0 (one for each core)")
	k.atLeast("sink.bulk_bytes", int64(k.c.Sink.BulkBytes), 64<<10, "64KiB")
	if k.c.Sink.BulkBytes > 100<<20 {
		k.fault("sink.bulk_bytes", "expected at most 100MiB, which is what Elasticsearch takes in one request")
	}
	k.atLeast("sink.in_flight", int64(k.c.Sink.InFlight), 1, "1")
	if k.c.Sink.InFlight > 64 {
		k.fault("sink.in_flight", "expected at most 64 requests")
	}
	if r := k.c.Audit.Retention; r > 0 {
		k.warn("audit.retention", "events are deleted after %s; what is not yet stored by then is lost", r)
	}
	if k.c.Processor.Group == k.c.Sink.Group {
		k.fault("sink.group", "the same as processor.group; two roles in one consumer group take each other's partitions")
	}
	for _, g := range []struct{ key, group string }{{"processor.group", k.c.Processor.Group}, {"sink.group", k.c.Sink.Group}} {
		if g.group == "" {
			k.fault(g.key, "empty; expected the name of a consumer group")
		}
	}
}

func (k *checker) atLeast(key string, got, least int64, text string) {
	if got < least {
		k.fault(key, "too small; expected at least %s", text)
	}
}

func (k *checker) listeners() {
	if !isListenAddress(k.c.Serve.Listen) {
		k.got("serve.listen", k.c.Serve.Listen, "expected host:port such as 127.0.0.1:8080")
	}
	switch a := k.c.Admin; {
	case a.Listen == "" && a.PProf:
		k.fault("admin.pprof", "needs admin.listen: profiles never stand on the public address")
	case a.Listen == "":
	case !isListenAddress(a.Listen):
		k.got("admin.listen", a.Listen, "expected host:port such as 127.0.0.1:8081")
	case a.Listen == k.c.Serve.Listen && !strings.HasSuffix(a.Listen, ":0"):
		k.fault("admin.listen", "the same as serve.listen; give it another port, or leave it out")
	}
}
