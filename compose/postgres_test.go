package compose

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossier/test/stack"
	"dossier/test/stack/parts"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// makeDatabase runs what the postgres image runs at its first start, with the program and in the order with which it does so, on a real PostgreSQL.
func makeDatabase(t *testing.T, s *stack.Stack) stack.Database {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is not on the PATH, where PostgreSQL's server programs are: apt-get install postgresql-client")
	}
	db := s.NewDatabase(t)
	u, err := url.Parse(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	postgres := service(t, load(t), "postgres")
	environ := append(os.Environ(), "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGSSLMODE=disable",
		"POSTGRES_USER="+parts.PostgresUser, "POSTGRES_DB="+db.Name, "DOSSIER_CAPTURE_PASSWORD="+environment(t, postgres)["DOSSIER_CAPTURE_PASSWORD"])
	var scripts []types.ServiceVolumeConfig
	for _, v := range postgres.Volumes {
		if filepath.Dir(v.Target) == "/docker-entrypoint-initdb.d" {
			scripts = append(scripts, v)
		}
	}
	slices.SortFunc(scripts, func(a, b types.ServiceVolumeConfig) int { return strings.Compare(a.Target, b.Target) })
	for _, v := range scripts {
		cmd := exec.CommandContext(t.Context(), "bash", v.Source)
		if filepath.Ext(v.Target) == ".sql" {
			cmd = exec.CommandContext(t.Context(), psql, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--username", parts.PostgresUser, "--dbname", db.Name, "-f", v.Source)
		}
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", filepath.Base(v.Source), err, out)
		}
	}
	return db
}

// TestDatabaseIsMade makes the example's database and then looks with the eyes of the connector.
func TestDatabaseIsMade(t *testing.T) {
	db := makeDatabase(t, stack.ForTest(t, stack.Postgres))
	u, err := url.Parse(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t, service(t, load(t), "postgres"))
	u.User = url.UserPassword("dossier_capture", env["DOSSIER_CAPTURE_PASSWORD"])
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	published := query(t, conn, "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = 'dossier' AND schemaname <> 'dossier' ORDER BY 1")
	if want := []string{"public.customer", "public.product", "public.supplier"}; !slices.Equal(published, want) {
		t.Errorf("under audit are %v, want %v", published, want)
	}
	if partial := query(t, conn, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relreplident <> 'f'"); len(partial) > 0 {
		t.Errorf("without full previous rows: %v", partial)
	}
	if rows := query(t, conn, "SELECT name FROM product ORDER BY id"); len(rows) != 3 {
		t.Errorf("products that the connector may read: %v", rows)
	}

	// What dossier.yaml says of the tables is true of these.
	c := configuration(t, service(t, load(t), "processor"))
	for _, e := range c.Entities {
		if !slices.Contains(published, e.Table) {
			t.Errorf("dossier.yaml names %s, which is not under audit", e.Table)
			continue
		}
		columns := append(slices.Clone(e.Fields.Mask), e.Fields.Exclude...)
		for _, column := range []string{e.Context.User, e.Context.Request} {
			if column != "" {
				columns = append(columns, column)
			}
		}
		if e.Parent != nil {
			columns = append(columns, e.Parent.Field)
		}
		for _, column := range columns {
			found := query(t, conn, "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2::text AND attnum > 0", e.Table, column)
			if len(found) != 1 {
				t.Errorf("dossier.yaml names the column %s of %s, which there is not", column, e.Table)
			}
		}
	}
}

// query gives the single column of a query's rows.
func query(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}
