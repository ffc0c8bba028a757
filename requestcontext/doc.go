// Package requestcontext carries who asks for a change from an HTTP request into the database transactions that the
// request causes, so that Dossier can join the rows that change with the person behind them.
//
// It has three parts, each of use alone:
//
//   - [Context], [With] and [From]: the request context and its way through a [context.Context];
//   - [Middleware]: reads it from an HTTP request;
//   - [Attacher]: writes it into a PostgreSQL transaction, as a logical decoding message or as a row of a context table.
//
// The package needs the standard library alone. What needs more lies beside it: dossier/requestcontext/pgxcontext for
// pgx v5, dossier/requestcontext/jwtuser for users from JSON Web Tokens.
//
// It refuses to be authentication, a logger or a tracer: it does not turn a request away, and it records nothing itself.
// A transaction begun without it is no error either; Dossier shows its changes as unattributed.
package requestcontext
