package web

import (
	"context"
	"net/http"
	"time"

	"dossier/requestcontext"
)

// requestIDHeader carries a request's id, both ways: an answer and the log lines that concern it have the same.
const requestIDHeader = requestcontext.RequestIDHeader

// traits are what the layers around a handler learn of a request. The router fills them in.
type traits struct {
	route  string // the path's pattern; "" for a path that is none of ours
	stream bool   // a live stream was given
}

// took is how long the answer took, and below 0 for a stream.
func (t *traits) took(d time.Duration) time.Duration {
	if t.stream {
		return -1
	}
	return d
}

type traitsKey struct{}

func withTraits(r *http.Request) (*http.Request, *traits) {
	t := &traits{}
	return r.WithContext(context.WithValue(r.Context(), traitsKey{}, t)), t
}

func traitsOf(ctx context.Context) *traits {
	if t, ok := ctx.Value(traitsKey{}).(*traits); ok {
		return t
	}
	return &traits{}
}

func routeOf(ctx context.Context) string { return traitsOf(ctx).route }

func requestID(ctx context.Context) string {
	c, _ := requestcontext.From(ctx)
	return c.RequestID
}
