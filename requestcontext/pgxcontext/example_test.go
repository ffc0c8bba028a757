package pgxcontext_test

import (
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dossier/requestcontext/pgxcontext"
)

func Example() {
	var pool *pgxpool.Pool // pgxpool.New(ctx, dsn)
	db := pgxcontext.DB{Conn: pool}

	http.HandleFunc("POST /products/{id}/price", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context() // with the request context, from requestcontext.Middleware
		err := db.BeginTxFunc(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "update product set price = $1 where id = $2", r.FormValue("price"), r.PathValue("id"))
			return err
		})
		if err != nil {
			http.Error(w, "database", http.StatusInternalServerError)
		}
	})
}
