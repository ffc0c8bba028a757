package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"dossier/query"
	"dossier/web/tail"
)

const (
	// heartbeat is how often a client hears something, so that both sides and what lies between them notice a connection that is gone.
	heartbeat = 15 * time.Second
	// tailWriteBound is how long one write to a client may take.
	tailWriteBound = 30 * time.Second
	// reconnect is how long a client waits before it comes back, in milliseconds.
	reconnect = "2000"
)

// tail answers GET /tail with server-sent events. The events of the audit topic have their kind as name: change, attribution, named_version, feedback. Of the stream itself speak
// gap (events were missed that are no longer there) and end (why the server ended it). Each has as id the place behind it.
func (a *API) tail(w http.ResponseWriter, c *call) error {
	if a.Tail == nil {
		return unavailable("this server has no Kafka (kafka.brokers) to read live events from", noKafkaRetry, nil)
	}
	if a.MaxTails == 0 {
		return unavailable("this server gives no live events (serve.max_tails)", noKafkaRetry, nil)
	}
	filter, from, err := a.tailQuestion(c)
	if err != nil {
		return err
	}
	if !a.tails.take() {
		return unavailable("too many live streams are under way (serve.max_tails)", defaultRetry, nil)
	}
	defer a.tails.give()
	ctx, cancel := a.untilClosing(c.ctx())
	defer cancel()
	stream, err := a.openTail(ctx, c, from)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := a.recordRead(c, http.StatusOK, 0); err != nil {
		return err
	}
	s := &tailWriter{w: w, rc: http.NewResponseController(w), stream: stream}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	w.WriteHeader(http.StatusOK)
	traitsOf(c.ctx()).stream = true
	a.follow(ctx, c, s, filter)
	if s.events > 0 {
		c.Request = c.WithContext(context.WithoutCancel(c.ctx())) // the client may have gone
		_ = a.recordRead(c, http.StatusOK, s.events)              // how much was seen; that it was asked for is recorded already
	}
	return nil
}

// tailQuestion reads what is asked for and where it begins.
func (a *API) tailQuestion(c *call) (filter query.Filter, from tail.Position, err error) {
	if text := c.parameters["q"]; text != "" {
		q, err := query.ParseQuestion(text, a.Now())
		if err != nil {
			return nil, nil, err
		}
		filter = q.Filter()
	}
	if last := c.Header.Get("Last-Event-ID"); last != "" {
		if from, err = tail.ParsePosition(last); err != nil {
			return nil, nil, badParameter("Last-Event-ID", err.Error())
		}
	}
	return filter, from, nil
}

// untilClosing is a context that ends with the API as well.
func (a *API) untilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-a.gate.closing:
			cancel(tail.ErrClosed)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// openTail opens the stream for somebody whom the store knows.
func (a *API) openTail(ctx context.Context, c *call, from tail.Position) (*tail.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, a.AnswerTimeout)
	defer cancel()
	if _, err := c.caller.MaySee(ctx, ""); err != nil {
		return nil, err
	}
	stream, err := a.Tail.Open(ctx, from)
	var away *tail.UnavailableError
	switch {
	case errors.Is(err, tail.ErrBusy):
		return nil, unavailable("too many clients are catching up with older events", defaultRetry, nil)
	case errors.Is(err, tail.ErrClosed), errors.Is(context.Cause(ctx), tail.ErrClosed):
		return nil, unavailable("the server ends", defaultRetry, nil)
	case errors.As(err, &away):
		return nil, unavailable("Kafka does not answer", defaultRetry, err)
	}
	return stream, err
}

// follow writes events until somebody ends it.
func (a *API) follow(ctx context.Context, c *call, s *tailWriter, filter query.Filter) {
	if !s.begin() {
		return
	}
	for a.followToBeat(ctx, c, s, filter) {
		// Whoever may no longer read hears it here at the latest.
		if _, err := c.caller.MaySee(ctx, ""); err != nil {
			a.endTail(ctx, s, reasonOf(ctx, err))
			return
		}
		if !s.beat() {
			return
		}
	}
}

// followToBeat writes events until it is time for a heartbeat; again is false where the stream has ended.
func (a *API) followToBeat(ctx context.Context, c *call, s *tailWriter, filter query.Filter) (again bool) {
	beat, cancel := context.WithTimeout(ctx, a.heartbeat)
	defer cancel()
	for {
		event, gap, err := s.stream.Next(beat)
		show := false
		if event != nil {
			show, err = a.shows(ctx, c, filter, event)
		}
		switch {
		case err != nil && ctx.Err() == nil && !tail.Ended(err):
			return true
		case err != nil:
			a.endTail(ctx, s, reasonOf(ctx, err))
			return false
		case gap != nil && !s.gap(gap), show && !s.event(event):
			return false
		}
	}
}

func (a *API) shows(ctx context.Context, c *call, filter query.Filter, e *tail.Event) (bool, error) {
	if !e.Matches(filter) {
		return false, nil
	}
	return c.caller.MaySee(ctx, e.Scope)
}

// endTail tells the client why, unless it is the client who went.
func (a *API) endTail(ctx context.Context, s *tailWriter, e streamEnd) {
	if ctx.Err() != nil && e.Reason != "closing" {
		return
	}
	a.Observer.TailEnded(e.Reason)
	s.end(e)
}

// streamEnd is the data of the event end.
type streamEnd struct {
	Reason string `json:"reason"` // closing, slow, forbidden, unavailable, internal
	Detail string `json:"detail"`
}

func reasonOf(ctx context.Context, err error) streamEnd {
	var q *query.Error
	var away *tail.UnavailableError
	switch {
	case errors.Is(err, tail.ErrClosed), errors.Is(context.Cause(ctx), tail.ErrClosed):
		return streamEnd{"closing", "the server ends; connect again, and it goes on behind the last event"}
	case errors.Is(err, tail.ErrSlow):
		return streamEnd{"slow", "more events wait than are kept for one client; connect again, and it goes on behind the last event"}
	case errors.Is(err, tail.ErrBroken), errors.As(err, &away):
		return streamEnd{"unavailable", "the audit topic cannot be read at the moment; connect again in a while"}
	case errors.As(err, &q) && (q.Code == query.CodeForbidden || q.Code == query.CodeUnauthenticated):
		return streamEnd{"forbidden", q.Detail}
	case errors.As(err, &q) && q.Code == query.CodeUnavailable:
		return streamEnd{"unavailable", q.Detail}
	}
	return streamEnd{"internal", "an internal error; connect again, and it goes on behind the last event"}
}

// tailWriter writes server-sent events. Its methods say whether the client is still there.
type tailWriter struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	stream *tail.Stream
	buffer []byte
	events int // written
}

// begin tells the client when to come back, and the place that it begins at: an id without data is no event, and is remembered.
func (s *tailWriter) begin() bool {
	s.buffer = append(s.buffer[:0], "retry: "+reconnect+"\n"...)
	s.id()
	return s.write(true)
}

func (s *tailWriter) beat() bool {
	s.buffer = append(s.buffer[:0], ": heartbeat\n"...)
	s.id()
	return s.write(true)
}

func (s *tailWriter) event(e *tail.Event) bool {
	s.events++
	s.named(string(e.Kind), e.JSON)
	return s.write(!s.stream.Pending())
}

func (s *tailWriter) gap(g *tail.Gap) bool {
	s.json("gap", map[string]string{"from": g.From.String(), "to": g.To.String(),
		"detail": "events between these places are no longer on the audit topic, or it is another topic than before; the stored changes are complete nevertheless"})
	return s.write(true)
}

func (s *tailWriter) end(e streamEnd) {
	s.json("end", e)
	s.write(true)
}

func (s *tailWriter) json(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil { // of strings alone
		panic(err)
	}
	s.named(name, data)
}

// named begins an event; data is one line.
func (s *tailWriter) named(name string, data []byte) {
	s.buffer = append(append(s.buffer[:0], "event: "...), name...)
	s.buffer = append(append(s.buffer, "\ndata: "...), data...)
	s.buffer = append(s.buffer, '\n')
	s.id()
}

// id ends an event with the place behind it.
func (s *tailWriter) id() {
	s.buffer = append(append(append(s.buffer, "id: "...), s.stream.Position()...), "\n\n"...)
}

func (s *tailWriter) write(flush bool) bool {
	_ = s.rc.SetWriteDeadline(time.Now().Add(tailWriteBound)) // a writer without deadlines is a test's
	if _, err := s.w.Write(s.buffer); err != nil {
		return false
	}
	return !flush || s.rc.Flush() == nil
}
