package requestcontext_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/lib/pq"

	"dossier/requestcontext"
)

func ExampleMiddleware() {
	contexts := requestcontext.Middleware{
		Service:        "shop",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		ReasonHeader:   "X-Change-Reason",
		User: func(r *http.Request) (requestcontext.User, error) {
			// Whatever the application's own authentication has found; never a header that anyone can set.
			return requestcontext.User{ID: "u1"}, nil
		},
		Now: func() time.Time { return time.Date(2026, 11, 23, 2, 43, 54, 0, time.UTC) },
	}
	handler := contexts.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := requestcontext.From(r.Context())
		message, _ := c.Encode()
		fmt.Println(string(message))
	}))

	r := httptest.NewRequest("POST", "/products", nil)
	r.RemoteAddr = "10.0.0.5:41234" // the proxy
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Request-Id", "r-1")
	r.Header.Set("User-Agent", "curl/8.5.0")
	r.Header.Set("X-Change-Reason", "price of the supplier")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: {"correlation_id":"r-1","request_id":"r-1","user":{"id":"u1"},"initiator":"user","service":"shop","ip":"203.0.113.9","user_agent":"curl/8.5.0","reason":"price of the supplier","timestamp":"2026-11-23T02:43:54Z"}
}

// A job has no request: it says itself who it is.
func ExampleWith() {
	ctx := requestcontext.With(context.Background(), requestcontext.Context{
		CorrelationID: "nightly-2026-11-23",
		Service:       "price-import",
		Initiator:     requestcontext.InitiatorSystem,
		Reason:        "supplier's list of 22 November",
	})
	c, ok := requestcontext.From(ctx)
	fmt.Println(c.Service, ok)
	// Output: price-import true
}

// With any client: BEGIN and the statement in one string are one round trip.
func ExampleAttacher_Statement() {
	ctx := requestcontext.With(context.Background(), requestcontext.Context{RequestID: "r-1", User: requestcontext.User{ID: "o'neil"}})
	statement, err := requestcontext.Attacher{}.Statement(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("begin; " + statement)
	// Output: begin; select pg_logical_emit_message(true, E'dossier.context'::text, E'{"request_id":"r-1","user":{"id":"o''neil"}}'::text)
}

func ExampleBeginTx() {
	var db *sql.DB // sql.Open("pgx", dsn) or sql.Open("postgres", dsn)

	http.HandleFunc("POST /products/{id}/price", func(w http.ResponseWriter, r *http.Request) {
		tx, err := requestcontext.BeginTx(r.Context(), db, nil)
		if err != nil {
			http.Error(w, "database", http.StatusInternalServerError)
			return
		}
		defer tx.Rollback() // no more than a no-op after Commit
		if _, err := tx.ExecContext(r.Context(), "update product set price = $1 where id = $2", r.FormValue("price"), r.PathValue("id")); err != nil {
			http.Error(w, "database", http.StatusInternalServerError)
			return
		}
		if err := tx.Commit(); err != nil {
			http.Error(w, "database", http.StatusInternalServerError)
		}
	})
}

// Code that begins its own transactions, such as an ORM, gets the context by way of the connector.
func ExampleAttacher_Connector() {
	connector, err := pq.NewConnector("postgres://shop@db.example.org/shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sql.OpenDB(requestcontext.Attacher{}.Connector(connector))
	defer db.Close()
}
