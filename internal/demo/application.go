package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/requestcontext"
	"dossier/requestcontext/pgxcontext"
)

const tables = `
CREATE TABLE supplier (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE product (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  supplier_id bigint NOT NULL REFERENCES supplier (id),
  name text NOT NULL,
  price numeric(10, 2) NOT NULL,
  stock integer NOT NULL DEFAULT 0,
  purchase_price numeric(10, 2)
);`

// Application is a small shop that writes to its database as applications do: in transactions that carry who asked for them. It is
// used by one goroutine.
type Application struct {
	conn *pgx.Conn
	db   pgxcontext.DB
	rand *rand.Rand

	Transactions int
	Changes      int // rows changed
}

// Tables lays out the shop's tables.
func Tables(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, tables)
	return err
}

// NewApplication returns an application that writes by conn. The same seed writes the same.
func NewApplication(conn *pgx.Conn, seed uint64) *Application {
	return &Application{conn: conn, db: pgxcontext.DB{Conn: conn}, rand: rand.New(rand.NewPCG(seed, 0))}
}

var (
	clerk = requestcontext.User{ID: "u-17", Name: "Ada Clerk", Email: "ada@shop.example"}
	boss  = requestcontext.User{ID: "u-1", Name: "Grace Boss", Email: "grace@shop.example"}
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	phone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

// Step does the next thing that happens in the shop: one transaction, mostly of a person's request.
func (a *Application) Step(ctx context.Context) error {
	n := a.Transactions
	request := requestcontext.Context{
		CorrelationID: fmt.Sprintf("r-%d", n+1), RequestID: fmt.Sprintf("r-%d", n+1), Initiator: requestcontext.InitiatorUser, Service: "shop",
		IP: fmt.Sprintf("198.51.100.%d", 1+n%250), UserAgent: firefox, User: clerk, Timestamp: time.Now(),
	}
	some := func() string { // any one product
		return fmt.Sprintf("id = (SELECT id FROM product ORDER BY id OFFSET %d %% (SELECT count(*) FROM product) LIMIT 1)", a.rand.IntN(1000))
	}
	price := func() string { return fmt.Sprintf("%d.%02d", 1+a.rand.IntN(200), a.rand.IntN(100)) }
	var statements []string
	switch n % 8 {
	case 0: // several tables in one transaction
		statements = []string{
			fmt.Sprintf("INSERT INTO supplier (name) VALUES ('Supplier %d')", n/8+1),
			fmt.Sprintf("INSERT INTO product (supplier_id, name, price, purchase_price) SELECT max(id), 'Chair %[1]d', %[2]s, 1.50 FROM supplier", n/8+1, price()),
			fmt.Sprintf("INSERT INTO product (supplier_id, name, price, purchase_price) SELECT max(id), 'Table %[1]d', %[2]s, 7.25 FROM supplier", n/8+1, price()),
		}
	case 2: // a batch job
		request.User, request.Initiator, request.Service, request.UserAgent, request.IP = requestcontext.User{}, requestcontext.InitiatorSystem, "stocktaking", "", ""
		statements = []string{fmt.Sprintf("UPDATE product SET stock = stock + %d WHERE id %% 3 = %d", 1+a.rand.IntN(50), n/8%3)}
	case 4: // somebody at a prompt, past the application
		return a.direct(ctx, "UPDATE product SET price = "+price()+" WHERE "+some())
	case 5:
		request.User, request.UserAgent, request.Reason = boss, phone, "end of the season"
		statements = []string{"UPDATE product SET price = round(price * 0.9, 2) WHERE " + some()}
	case 7:
		request.User, request.Reason = boss, "discontinued"
		statements = []string{"DELETE FROM product WHERE id = (SELECT min(id) FROM product) AND (SELECT count(*) FROM product) > 3"}
	case 3:
		statements = []string{
			"UPDATE product SET price = " + price() + " WHERE " + some(),
			fmt.Sprintf("UPDATE supplier SET name = split_part(name, ',', 1) || ', contract %d' WHERE id = (SELECT max(id) FROM supplier)", n),
		}
	default:
		statements = []string{"UPDATE product SET price = " + price() + " WHERE " + some()}
	}
	return a.in(requestcontext.With(ctx, request), statements)
}

// in runs statements in one transaction, with the context's request context.
func (a *Application) in(ctx context.Context, statements []string) error {
	changed := 0
	err := a.db.BeginTxFunc(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		for _, sql := range statements {
			tag, err := tx.Exec(ctx, sql)
			if err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
			changed += int(tag.RowsAffected())
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.Transactions++
	a.Changes += changed
	return nil
}

// direct runs a statement that nobody's request stands behind.
func (a *Application) direct(ctx context.Context, sql string) error {
	tag, err := a.conn.Exec(ctx, sql)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	a.Transactions++
	a.Changes += int(tag.RowsAffected())
	return nil
}
