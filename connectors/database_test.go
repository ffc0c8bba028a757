package connectors

import (
	"slices"
	"strings"
	"testing"

	"dossier/test/stack"
)

// Each fault of a database that a configuration cannot show.
func TestCheckDatabase(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	cfg := s.config("postgres-json", "DOSSIER_TABLES=public\\..*\nDOSSIER_DB_USER=dossier_capture")
	check := func(cfg *Config) []string {
		t.Helper()
		findings, err := CheckDatabase(t.Context(), s.db.DSN, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range findings {
			what, _, _ := strings.Cut(f.Message, ":")
			lines = append(lines, string(f.Severity)+" "+f.Key+" "+what)
		}
		return lines
	}
	if got := check(cfg); len(got) > 0 {
		t.Fatalf("before any fault: %q", got)
	}
	for _, c := range []struct{ fault, mend, want string }{
		{`CREATE TABLE public.added (id int); GRANT SELECT ON public.added TO dossier_capture; ALTER TABLE public.added REPLICA IDENTITY FULL`, `DROP TABLE public.added`,
			`error public.added is captured by the configuration and not published`},
		{`ALTER TABLE public.product REPLICA IDENTITY DEFAULT`, `ALTER TABLE public.product REPLICA IDENTITY FULL`, `warning public.product has no REPLICA IDENTITY FULL`},
		{`REVOKE SELECT ON public.product FROM dossier_capture`, `GRANT SELECT ON public.product TO dossier_capture`, `error public.product cannot be read by dossier_capture`},
		{`CREATE UNLOGGED TABLE public.temp (id int)`, `DROP TABLE public.temp`, `warning public.temp is unlogged`},
		{`CREATE TABLE public.part (id int) PARTITION BY LIST (id); CREATE TABLE public.part1 PARTITION OF public.part DEFAULT; SELECT dossier.capture('public.part')`, `DROP TABLE public.part`,
			`error public.part1 is a partition, and the configuration captures it beside its parent`},
		{`ALTER PUBLICATION dossier SET (publish = 'insert, update, delete')`, `ALTER PUBLICATION dossier SET (publish = 'insert, update, delete, truncate')`, `error publication dossier leaves out truncate`},
		{`ALTER PUBLICATION dossier SET (publish_via_partition_root = false)`, `ALTER PUBLICATION dossier SET (publish_via_partition_root = true)`, `warning publication dossier publishes partitions under their own names, so that one table becomes many entity types; ALTER PUBLICATION dossier SET (publish_via_partition_root = true)`},
		{`ALTER PUBLICATION dossier DROP TABLE public.quiet; ALTER PUBLICATION dossier ADD TABLE public.quiet WHERE (id > 1)`, `ALTER PUBLICATION dossier DROP TABLE public.quiet; ALTER PUBLICATION dossier ADD TABLE public.quiet`,
			`warning public.quiet is published with a row filter`},
		{`ALTER PUBLICATION dossier DROP TABLE public.product; ALTER PUBLICATION dossier ADD TABLE public.product (id, name)`, `ALTER PUBLICATION dossier DROP TABLE public.product; ALTER PUBLICATION dossier ADD TABLE public.product`,
			`warning public.product is published with a column list`},
		{`CREATE SCHEMA other; CREATE TABLE other.t (id int); ALTER PUBLICATION dossier ADD TABLE other.t`, `DROP SCHEMA other CASCADE`, `warning other.t is published, and the configuration does not capture it`},
		{`ALTER PUBLICATION dossier RENAME TO away`, `ALTER PUBLICATION away RENAME TO dossier`, `error publication dossier does not exist, and without it nothing is captured; run sql/postgres-setup.sql`},
		{`ALTER PUBLICATION dossier DROP TABLE dossier.debezium_heartbeat`, `ALTER PUBLICATION dossier ADD TABLE dossier.debezium_heartbeat`, `warning dossier.debezium_heartbeat is not published`},
		{`REVOKE INSERT ON dossier.debezium_signal FROM dossier_capture`, `GRANT INSERT ON dossier.debezium_signal TO dossier_capture`, `error dossier.debezium_signal cannot be written by dossier_capture`},
		{`ALTER TABLE dossier.debezium_signal RENAME TO away`, `ALTER TABLE dossier.away RENAME TO debezium_signal`, `error dossier.debezium_signal does not exist`},
		{`SELECT pg_create_logical_replication_slot('` + s.name + `', 'test_decoding')`, `SELECT pg_drop_replication_slot('` + s.name + `')`,
			`error slot ` + s.name + ` was made for the decoding plugin test_decoding, and the configuration says pgoutput; give this connector its own slot.name`},
	} {
		s.exec(c.fault)
		if got := check(cfg); !slices.Contains(got, c.want) {
			t.Errorf("%s\n got %q\nwant %q", c.fault, got, c.want)
		}
		s.exec(c.mend)
		if got := check(cfg); len(got) > 0 {
			t.Fatalf("after %s: %q", c.mend, got)
		}
	}
	if got := check(s.config("postgres-json", "DOSSIER_TABLES=public\\..*\nDOSSIER_DB_USER=nobody")); !slices.Contains(got, "error role nobody does not exist; run sql/postgres-setup.sql, then set its password") {
		t.Errorf("%q", got)
	}
	if got := check(s.config("postgres-json", "DOSSIER_TABLES=public\\..*\nDOSSIER_DB_USER=postgres")); len(got) == 0 || !strings.HasPrefix(got[0], "warning role postgres is a superuser") {
		t.Errorf("%q", got)
	}
	if got := check(s.config("postgres-json", "DOSSIER_TABLES=none\\.none\nDOSSIER_DB_NAME=elsewhere")); !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "error database.dbname") }) ||
		!slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "warning table.include.list no table") }) {
		t.Errorf("%q", got)
	}
	s.exec(`DROP PUBLICATION dossier; CREATE PUBLICATION dossier FOR ALL TABLES WITH (publish_via_partition_root = true)`)
	if got := check(cfg); len(got) != 1 || !strings.HasPrefix(got[0], "warning publication dossier is FOR ALL TABLES") {
		t.Errorf("%q", got)
	}
}

func TestCheckDatabaseHidesThePassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:swordfish@127.0.0.1:1/x?connect_timeout=1", "host=127.0.0.1 port=one password=swordfish", "postgres://u:swordfish@%"} {
		_, err := CheckDatabase(t.Context(), dsn, shippedConfig(t, ""))
		if err == nil || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%v", err)
		}
	}
}
