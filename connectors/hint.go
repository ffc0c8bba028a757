package connectors

import "regexp"

// hints tell what to do about a failure that Kafka Connect or Debezium reports, the most telling first.
var hints = []struct {
	pattern *regexp.Regexp
	advice  string
}{
	{regexp.MustCompile(`(?i)password authentication failed|no password was provided|SCRAM`), `check database.user and database.password; a password is set with: \password dossier_capture`},
	{regexp.MustCompile(`(?i)no pg_hba\.conf entry`), "allow the connector's address in pg_hba.conf, then reload the server"},
	{regexp.MustCompile(`(?i)database "[^"]*" does not exist`), "check database.dbname"},
	{regexp.MustCompile(`(?i)UnknownHostException|Connection( to \S+)? refused|connection attempt failed|NoRouteToHost|connect timed out`), "check database.hostname and database.port as seen from the Kafka Connect worker"},
	{regexp.MustCompile(`(?i)wal_level`), "ALTER SYSTEM SET wal_level = logical, then restart PostgreSQL"},
	{regexp.MustCompile(`(?i)publication .*(does not exist|autocreat)|must create the publication`), "create the publication with sql/postgres-setup.sql"},
	{regexp.MustCompile(`(?i)replication slot "?[^ ]*"? is active`), "another connector reads this slot; give this one its own slot.name, or delete the other"},
	{regexp.MustCompile(`(?i)all replication slots are in use`), "raise max_replication_slots, or drop slots that nobody uses (SELECT * FROM pg_replication_slots)"},
	{regexp.MustCompile(`(?i)no longer available on the server|can no longer get changes from replication slot|requested WAL segment|Saved offset is before replication slot|slot .*(re-?created|restart_lsn)`),
		"the log between the last change read and now is gone: changes are missing from the trail. find out why, tell the auditors, then take a new baseline by deleting the connector's offsets (docs/connectors.md says how)"},
	{regexp.MustCompile(`(?i)permission denied|must be (superuser|owner|replication)|insufficient privilege|REPLICATION (attribute|role)`), "grant the rights in sql/postgres-setup.sql, and call dossier.capture for the table"},
	{regexp.MustCompile(`(?i)relation "dossier\.debezium_(heartbeat|signal)" does not exist|schema "dossier" does not exist`), "run sql/postgres-setup.sql in this database"},
	{regexp.MustCompile(`(?i)exactly.once`), "set exactly.once.source.support=enabled on every Kafka Connect worker (a running cluster: preparing first, then enabled)"},
	{regexp.MustCompile(`(?i)RecordTooLarge|max\.request\.size|message\.max\.bytes|MESSAGE_TOO_LARGE`), "raise producer.override.max.request.size and the topic's max.message.bytes"},
	{regexp.MustCompile(`(?i)Failed to find any class|ClassNotFound|Class \S+ could not be found`), "install the plugin in the plugin.path of every Kafka Connect worker (Debezium for PostgreSQL, or the Avro converter)"},
	{regexp.MustCompile(`(?i)AuthorizationException|not authorized to access`), "grant the connector's principal the right to create and write its topics and to use its transactional id"},
	{regexp.MustCompile(`(?i)replication factor`), "set topic.creation.default.replication.factor to at most the number of brokers, or to -1"},
	{regexp.MustCompile(`(?i)registry|RestClientException|schema.*(incompatible|409)`), "check that the schema registry answers at the URL in the converter's settings, as seen from the worker, and that it accepts the schema"},
}

// hint finds what may help against a failure, or nothing.
func hint(text string) string {
	if text == "" {
		return ""
	}
	for _, h := range hints {
		if h.pattern.MatchString(text) {
			return h.advice
		}
	}
	return ""
}
