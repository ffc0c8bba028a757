package connectors

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// minimumServer is the oldest PostgreSQL that is tested, as server_version_num.
const minimumServer = 150000

// CheckDatabase asks the source database what no configuration can tell: whether the log holds whole rows (replica identity),
// whether everything that the configuration captures is published, whether the connector's role has the rights, and whether
// its replication slot has lost log. It only reads, in one transaction. The DSN is a URL or key=value pairs; what it leaves
// out comes from PGHOST and the like. The user of the DSN may be any that can read the catalogue; it need not be the
// connector's. Only PostgreSQL can be asked.
//
// An error means that the database could not be asked.
func CheckDatabase(ctx context.Context, dsn string, cfg *Config) ([]Finding, error) {
	class, _ := cfg.Get("connector.class")
	if own, known := classKeys(class); !known || own["slot.name"].Name == "" {
		return []Finding{cfg.finding(Warning, "connector.class", "is not PostgreSQL's, so its database was not asked")}, nil
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("check the database of %s: %w", cfg.Path, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("check the database of %s: %w", cfg.Path, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing was written
	d := &databaseCheck{cfg: cfg, settings: settings{cfg: cfg, own: postgresKeys()}, tx: tx}
	for _, step := range []func(context.Context) error{d.server, d.role, d.publication, d.tables, d.defaults, d.ownTables, d.slot} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("check the database of %s: %w", cfg.Path, err)
		}
	}
	return d.findings, nil
}

type databaseCheck struct {
	cfg      *Config
	settings settings
	tx       pgx.Tx
	findings []Finding

	user      string
	userKnown bool // the role exists
	pubName   string
	pubExists bool
}

func (d *databaseCheck) add(severity Severity, object, format string, args ...any) {
	d.findings = append(d.findings, Finding{Severity: severity, Key: object, File: d.cfg.Path, Message: d.cfg.Redact(fmt.Sprintf(format, args...))})
}

func (d *databaseCheck) server(ctx context.Context) error {
	var database, level, version string
	var number int
	err := d.tx.QueryRow(ctx, `SELECT current_database(), current_setting('wal_level'), current_setting('server_version'), current_setting('server_version_num')::int`).
		Scan(&database, &level, &version, &number)
	if err != nil {
		return err
	}
	if wanted, known := d.settings.value("database.dbname"); known && wanted != "" && wanted != database {
		d.add(Error, "database.dbname", "the configuration captures %q, and the DSN leads to %q; ask the database that is captured", wanted, database)
	}
	if level != "logical" {
		d.add(Error, "wal_level", "is %s: the log does not hold what decoding needs; ALTER SYSTEM SET wal_level = logical, then restart the server", level)
	}
	if number < minimumServer {
		d.add(Warning, "server_version", "is %s: Dossier is tested with PostgreSQL 15 and newer; upgrade", version)
	}
	return nil
}

func (d *databaseCheck) role(ctx context.Context) error {
	user, known := d.settings.value("database.user")
	if !known || user == "" {
		return nil
	}
	d.user = user
	var super, replication, login, mayConnect bool
	err := d.tx.QueryRow(ctx, `SELECT rolsuper, rolreplication, rolcanlogin, has_database_privilege(rolname, current_database(), 'CONNECT') FROM pg_roles WHERE rolname = $1`, user).
		Scan(&super, &replication, &login, &mayConnect)
	if errors.Is(err, pgx.ErrNoRows) {
		d.add(Error, "role "+user, "does not exist; run sql/postgres-setup.sql, then set its password")
		return nil
	}
	if err != nil {
		return err
	}
	d.userKnown = true
	if super {
		d.add(Warning, "role "+user, "is a superuser: who gets hold of the connector's settings can rewrite the database, audited tables included; use the role of sql/postgres-setup.sql")
		return nil
	}
	if !replication {
		d.add(Error, "role "+user, "may not read the log; ALTER ROLE %s REPLICATION", user)
	}
	if !login || !mayConnect {
		d.add(Error, "role "+user, "may not log in to this database; run sql/postgres-setup.sql")
	}
	return nil
}

func (d *databaseCheck) publication(ctx context.Context) error {
	d.pubName, _ = d.settings.value("publication.name")
	object := "publication " + d.pubName
	var all, insert, update, remove, truncate, viaRoot bool
	err := d.tx.QueryRow(ctx, `SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = $1`, d.pubName).
		Scan(&all, &insert, &update, &remove, &truncate, &viaRoot)
	if errors.Is(err, pgx.ErrNoRows) {
		d.add(Error, object, "does not exist, and without it nothing is captured; run sql/postgres-setup.sql")
		return nil
	}
	if err != nil {
		return err
	}
	d.pubExists = true
	if all {
		d.add(Warning, object, "is FOR ALL TABLES: every table of the database is streamed, also those that hold other applications' secrets, and a table without a key refuses UPDATE and DELETE; publish the audited tables by name, as sql/postgres-setup.sql does")
	}
	for _, op := range []struct {
		published bool
		name      string
	}{{insert, "insert"}, {update, "update"}, {remove, "delete"}, {truncate, "truncate"}} {
		if !op.published {
			d.add(Error, object, "leaves out %s: such changes never reach the trail; ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", op.name, d.pubName)
		}
	}
	if !viaRoot {
		d.add(Warning, object, "publishes partitions under their own names, so that one table becomes many entity types; ALTER PUBLICATION %s SET (publish_via_partition_root = true)", d.pubName)
	}
	// PostgreSQL 15 brought row filters and column lists.
	rows, err := d.tx.Query(ctx, `
		SELECT format('%s.%s', n.nspname, c.relname), r.prqual IS NOT NULL, r.prattrs IS NOT NULL
		FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE p.pubname = $1 AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL) ORDER BY 1`, d.pubName)
	if err != nil {
		return err
	}
	var table string
	var filtered, listed bool
	_, err = pgx.ForEachRow(rows, []any{&table, &filtered, &listed}, func() error {
		if filtered {
			d.add(Warning, table, "is published with a row filter: changes of the rows that it leaves out never reach the trail; ALTER PUBLICATION %s DROP TABLE %s, then ADD TABLE without WHERE", d.pubName, table)
		}
		if listed {
			d.add(Warning, table, "is published with a column list: other columns, and those added later, are missing from the trail as if they did not exist; ALTER PUBLICATION %s DROP TABLE %s, then ADD TABLE without columns", d.pubName, table)
		}
		return nil
	})
	return err
}

// tables checks every table of the database that the configuration captures.
func (d *databaseCheck) tables(ctx context.Context) error {
	rows, err := d.tx.Query(ctx, `
		SELECT n.nspname, c.relname, c.relpersistence::text,
		  coalesce((SELECT bool_and(l.relreplident = 'f') FROM pg_class l
		            WHERE (l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(c.oid))) AND l.relkind = 'r'), true),
		  (SELECT string_agg(l.oid::regclass::text, ', ' ORDER BY l.oid) FROM pg_class l
		   WHERE l.oid IN (SELECT relid FROM pg_partition_tree(c.oid)) AND l.oid <> c.oid AND l.relkind = 'r' AND l.relreplident <> 'f'),
		  EXISTS (SELECT FROM pg_publication_tables t WHERE t.pubname = $1 AND t.schemaname = n.nspname AND (t.tablename = c.relname OR EXISTS (
		    SELECT FROM pg_class l JOIN pg_namespace ln ON ln.oid = l.relnamespace
		    WHERE l.oid IN (SELECT relid FROM pg_partition_tree(c.oid)) AND t.schemaname = ln.nspname AND t.tablename = l.relname))),
		  $2 = '' OR has_table_privilege($2, c.oid, 'SELECT') AND has_schema_privilege($2, n.oid, 'USAGE')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
		  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
		ORDER BY 1, 2`, d.pubName, d.knownUser())
	if err != nil {
		return err
	}
	captured := 0
	var schema, name, persistence string
	var identified, published, readable bool
	var leaves *string
	if _, err = pgx.ForEachRow(rows, []any{&schema, &name, &persistence, &identified, &leaves, &published, &readable}, func() error {
		table := schema + "." + name
		if schema == "dossier" {
			return nil
		}
		if !d.captures(schema, name) {
			if published {
				d.add(Warning, table, "is published, and the configuration does not capture it: its changes are sent and thrown away; capture it, or ALTER PUBLICATION %s DROP TABLE %s", d.pubName, table)
			}
			return nil
		}
		captured++
		switch {
		case persistence == "u":
			d.add(Warning, table, "is unlogged: its changes are in no log and cannot be captured; ALTER TABLE %s SET LOGGED, or exclude it", table)
			return nil
		case d.pubExists && !published:
			d.add(Error, table, "is captured by the configuration and not published: its changes never reach the trail; SELECT dossier.capture('%s'), or exclude it", table)
		}
		if !identified {
			which := table
			if leaves != nil {
				which = *leaves
			}
			d.add(Warning, table, "has no REPLICA IDENTITY FULL: the log holds no previous values of an update, and of a deleted row only its key; SELECT dossier.capture('%s'), or ALTER TABLE %s REPLICA IDENTITY FULL", table, which)
		}
		if !readable {
			d.add(Error, table, "cannot be read by %s: the baseline fails; SELECT dossier.capture('%s')", d.user, table)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := d.partitions(ctx); err != nil {
		return err
	}
	if captured == 0 {
		d.add(Warning, "table.include.list", "no table of this database is captured by the configuration; see that the names have their schema, as in public\\.product")
	}
	return nil
}

// partitions finds partitions that the lists match beside their parent. The stream names the parent alone, as long as the
// publication says so; the baseline reads every table that the lists match.
func (d *databaseCheck) partitions(ctx context.Context) error {
	rows, err := d.tx.Query(ctx, `
		SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relispartition AND c.relkind IN ('r', 'p') ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	var schema, name string
	_, err = pgx.ForEachRow(rows, []any{&schema, &name}, func() error {
		if d.captures(schema, name) {
			d.add(Error, schema+"."+name, "is a partition, and the configuration captures it beside its parent: the baseline holds its rows twice, or fails for want of rights; name the tables without their partitions, as SELECT dossier.include_list() does")
		}
		return nil
	})
	return err
}

// defaults finds columns whose null the Avro converter would write as their default.
func (d *databaseCheck) defaults(ctx context.Context) error {
	if class, _ := d.settings.value("value.converter"); class != apicurioConverter {
		return nil
	}
	// Defaults that are computed, such as now(), are not in the events' schema.
	rows, err := d.tx.Query(ctx, `
		SELECT n.nspname, c.relname, string_agg(a.attname, ', ' ORDER BY a.attnum)
		FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
		JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT a.attnotnull AND NOT a.attisdropped AND a.attgenerated = '' AND NOT c.relispartition
		  AND pg_get_expr(f.adbin, f.adrelid) NOT LIKE '%(%' AND pg_get_expr(f.adbin, f.adrelid) NOT ILIKE 'null%'
		GROUP BY 1, 2 ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	var schema, name, columns string
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &columns}, func() error {
		if schema != "dossier" && d.captures(schema, name) {
			d.add(Warning, schema+"."+name, "has columns that take null and have a default (%s): Apicurio's Avro converter writes their nulls as the default, and the trail is wrong; set them NOT NULL or drop their defaults, or use JSON", columns)
		}
		return nil
	})
	return err
}

// captures applies the configuration's lists as Debezium does.
func (d *databaseCheck) captures(schema, name string) bool {
	table := schema + "." + name
	list := func(key string) string { value, _ := d.settings.value(key); return value }
	if included := list("schema.include.list"); included != "" && !matchesAny(included, schema) {
		return false
	}
	if matchesAny(list("schema.exclude.list"), schema) {
		return false
	}
	if included := list("table.include.list"); included != "" {
		return matchesAny(included, table)
	}
	return !matchesAny(list("table.exclude.list"), table)
}

func (d *databaseCheck) knownUser() string {
	if d.userKnown {
		return d.user
	}
	return ""
}

// ownTables checks the tables that the connector writes to.
func (d *databaseCheck) ownTables(ctx context.Context) error {
	if query, _ := d.settings.value("heartbeat.action.query"); strings.Contains(query, "dossier.debezium_heartbeat") {
		if err := d.ownTable(ctx, "dossier", "debezium_heartbeat", "INSERT, UPDATE", "the heartbeat cannot move the slot"); err != nil {
			return err
		}
	}
	if signal, known := d.settings.value("signal.data.collection"); known && signal != "" {
		schema, name, found := strings.Cut(signal, ".")
		if !found {
			d.add(Error, "signal.data.collection", "is %q; it must name a table with its schema, such as dossier.debezium_signal", signal)
			return nil
		}
		return d.ownTable(ctx, schema, name, "INSERT", "signals, such as for a new baseline, are not seen")
	}
	return nil
}

func (d *databaseCheck) ownTable(ctx context.Context, schema, name, rights, harm string) error {
	table := schema + "." + name
	var published, writable bool
	err := d.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_publication_tables t WHERE t.pubname = $3 AND t.schemaname = n.nspname AND t.tablename = c.relname),
		  $4 = '' OR has_schema_privilege($4, n.oid, 'USAGE') AND (SELECT bool_and(has_table_privilege($4, c.oid, r)) FROM unnest(string_to_array($5, ', ')) r)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
		schema, name, d.pubName, d.knownUser(), rights).Scan(&published, &writable)
	if errors.Is(err, pgx.ErrNoRows) {
		d.add(Error, table, "does not exist: %s; run sql/postgres-setup.sql", harm)
		return nil
	}
	if err != nil {
		return err
	}
	if d.pubExists && !published {
		d.add(Warning, table, "is not published: %s; ALTER PUBLICATION %s ADD TABLE %s", harm, d.pubName, table)
	}
	if !writable {
		d.add(Error, table, "cannot be written by %s: %s; GRANT SELECT, %s ON %s TO %s", d.user, harm, rights, table, d.user)
	}
	return nil
}

func (d *databaseCheck) slot(ctx context.Context) error {
	name, known := d.settings.value("slot.name")
	if !known {
		return nil
	}
	var elsewhere bool
	var state, database, plugin *string
	err := d.tx.QueryRow(ctx, `SELECT database IS DISTINCT FROM current_database(), wal_status, database, plugin FROM pg_replication_slots WHERE slot_name = $1`, name).
		Scan(&elsewhere, &state, &database, &plugin)
	if errors.Is(err, pgx.ErrNoRows) {
		return d.freeSlot(ctx)
	}
	if err != nil {
		return err
	}
	object := "slot " + name
	if elsewhere {
		other := "another database"
		if database != nil {
			other = "the database " + *database
		}
		d.add(Error, object, "belongs to %s; give this connector its own slot.name", other)
	}
	if wanted, _ := d.settings.value("plugin.name"); plugin != nil && *plugin != wanted {
		d.add(Error, object, "was made for the decoding plugin %s, and the configuration says %s; give this connector its own slot.name", *plugin, wanted)
	}
	if state != nil && (*state == "lost" || *state == "unreserved") {
		d.add(Error, object, "has lost log (wal_status %s): changes are or will be missing from the trail; find out since when, tell the auditors, raise max_slot_wal_keep_size, and take a new baseline", *state)
	}
	return nil
}

// freeSlot checks that a slot can be made.
func (d *databaseCheck) freeSlot(ctx context.Context) error {
	var used, slots int
	err := d.tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_replication_slots), current_setting('max_replication_slots')::int`).Scan(&used, &slots)
	if err == nil && used >= slots {
		d.add(Error, "max_replication_slots", "is %d, and all are in use; raise it, or drop those that nobody uses (SELECT * FROM pg_replication_slots)", slots)
	}
	return err
}
