package web

import (
	"net/http"
	"time"
)

const (
	// stalled is how long a client may take none of an answer.
	stalled = 10 * time.Second
	// pacedPart is how much of an answer is written between two looks at whether the client takes it, in bytes.
	pacedPart = 32 << 10
)

// pacedWriter writes an answer as long as its client reads on: each part has a little time, and all of them have an end, so that an answer that nobody reads holds
// its request's slot, and its memory, for moments.
type pacedWriter struct {
	http.ResponseWriter
	stalled time.Duration
	last    time.Time // for all of it
}

func (w *pacedWriter) Write(b []byte) (written int, err error) {
	rc := http.NewResponseController(w.ResponseWriter)
	for {
		deadline := time.Now().Add(w.stalled)
		if deadline.After(w.last) {
			deadline = w.last
		}
		_ = rc.SetWriteDeadline(deadline) // a writer without deadlines is a test's
		n, err := w.ResponseWriter.Write(b[written:min(len(b), written+pacedPart)])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

// Unwrap returns the writer beneath.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
