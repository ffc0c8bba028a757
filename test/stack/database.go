package stack

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is a fresh database of the stack's PostgreSQL, whose server writes its log for logical decoding.
type Database struct {
	Name string
	DSN  string // for the superuser
}

// CreateDatabase makes an empty database with a name of its own.
func (s *Stack) CreateDatabase(ctx context.Context) (Database, error) {
	s.mu.Lock()
	s.serial++
	name := fmt.Sprintf("db_%d_%d", os.Getpid(), s.serial)
	s.mu.Unlock()
	if err := s.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return Database{}, fmt.Errorf("create database %s: %w", name, err)
	}
	return Database{Name: name, DSN: s.PostgresDSN(name)}, nil
}

// DropDatabase removes a database, with its replication slots and whoever is connected to it. A connector that still reads from
// it fails: delete the connector first.
func (s *Stack) DropDatabase(ctx context.Context, d Database) error {
	err := s.exec(ctx, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '"+d.Name+"' AND active")
	if err != nil {
		return err
	}
	// A slot whose reader was just ended is active for a moment longer.
	for {
		err = s.exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '"+d.Name+"'")
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drop the replication slots of %s: %w", d.Name, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := s.exec(ctx, "DROP DATABASE "+d.Name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", d.Name, err)
	}
	return nil
}

// NewDatabase makes an empty database for one test, and drops it with its replication slots when the test ends.
func (s *Stack) NewDatabase(t testing.TB) Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	d, err := s.CreateDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.DropDatabase(ctx, d); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return d
}

func (s *Stack) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.PostgresDSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}
