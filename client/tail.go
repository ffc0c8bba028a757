package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ServerEvent is one server-sent event.
type ServerEvent struct {
	Name string // such as "change"
	ID   string // where to resume behind it
	Data []byte // the audit event's JSON; valid until the next event. Empty where the server only tells the place
}

// maxEvent bounds one event's line, in bytes: Kafka's records are below it by default.
const maxEvent = 64 << 20

// Tail asks for live audit events that match q and hands each to each, and the places between them that the server tells, until the context ends, each returns an
// error, or the stream ends: then the error is io.ErrUnexpectedEOF, and the last id continues. lastID "" begins with what comes from now on.
func (c *Client) Tail(ctx context.Context, q, lastID string, each func(ServerEvent) error) error {
	parameters := url.Values{}
	if q != "" {
		parameters.Set("q", q)
	}
	r, err := c.request(ctx, http.MethodGet, Path{"tail"}, parameters, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := c.do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	err = readEvents(response.Body, each)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// readEvents reads an event stream as the HTML standard defines it, and tells the end of it as io.ErrUnexpectedEOF: such a stream has none.
func readEvents(body io.Reader, each func(ServerEvent) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	lines.Split(splitLines)
	var event ServerEvent
	placed := false // an id came: without data it is no event, and yet the place to resume behind
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if len(event.Data) > 0 || placed {
				if err := each(event); err != nil {
					return err
				}
			}
			event.Name, event.Data, placed = "", event.Data[:0], false // the id stays
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) { // a comment has no name, and unknown names are to be passed over
		case "event":
			event.Name = string(value)
		case "id":
			event.ID, placed = string(value), true
		case "data":
			if len(event.Data) > 0 {
				event.Data = append(event.Data, '\n')
			}
			if len(event.Data)+len(value) > maxEvent {
				return fmt.Errorf("an event of over %d MiB", maxEvent>>20)
			}
			event.Data = append(event.Data, value...)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("an event of over %d MiB", maxEvent>>20)
		}
		return fmt.Errorf("the stream broke off: %w", errors.Join(io.ErrUnexpectedEOF, err))
	}
	return io.ErrUnexpectedEOF
}

// splitLines splits at \n, \r\n and \r.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0:
		return 0, nil, nil // an unfinished line at the end is no event
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 < len(data):
		if data[i+1] == '\n' {
			return i + 2, data[:i], nil
		}
		return i + 1, data[:i], nil
	case atEOF:
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}
