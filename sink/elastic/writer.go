package elastic

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"dossier/schema"
	"dossier/sink"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"golang.org/x/sync/errgroup"
)

// Writer keeps version documents in Elasticsearch. It implements sink.Store.
type Writer struct {
	requester
	config   Config
	observer sink.Observer
	slots    chan struct{} // one token per bulk request under way
	buffers  sync.Pool     // of *chunk
	guard    guard
	waiting  atomic.Bool // the observer has been told to wait
}

var _ sink.Store = (*Writer)(nil)

// NewWriter returns a writer for a client of NewClient, or any other that does not retry by itself. A nil observer observes nothing. It sends
// nothing yet.
func NewWriter(client elastictransport.Interface, config Config, observer sink.Observer) *Writer {
	config = config.Defaults()
	if observer == nil {
		observer = sink.NoObserver{}
	}
	w := &Writer{
		requester: requester{client},
		config:    config,
		observer:  observer,
		slots:     make(chan struct{}, config.InFlight),
	}
	w.buffers.New = func() any { return new(chunk) }
	w.guard.seen = map[string]bool{}
	return w
}

// Create implements sink.Store.
func (w *Writer) Create(ctx context.Context, docs []schema.Document) ([]sink.Outcome, error) {
	return w.write(ctx, len(docs), func(c *chunk, i int) { c.create(i, &docs[i]) }, w.existing)
}

// Replace implements sink.Store.
func (w *Writer) Replace(ctx context.Context, docs []sink.Replacement) ([]sink.Outcome, error) {
	superseded := func(_ context.Context, items []item, outcomes []sink.Outcome) ([]item, error) {
		for _, it := range items {
			outcomes[it.arg].Status = sink.StatusSuperseded
		}
		return nil, nil
	}
	return w.write(ctx, len(docs), func(c *chunk, i int) { c.replace(i, &docs[i]) }, superseded)
}

// taken settles items that Elasticsearch answers 409 to, and returns those to be tried again.
type taken func(ctx context.Context, items []item, outcomes []sink.Outcome) (again []item, err error)

// write encodes n documents into chunks and sends them, several at once. A chunk's slot is taken before it is encoded, so that a slow
// store bounds the memory in use.
func (w *Writer) write(ctx context.Context, n int, add func(*chunk, int), settle taken) ([]sink.Outcome, error) {
	outcomes := make([]sink.Outcome, n)
	group, groupCtx := errgroup.WithContext(ctx)
	for i := 0; i < n && groupCtx.Err() == nil; {
		select {
		case w.slots <- struct{}{}:
		case <-groupCtx.Done():
			continue
		}
		c := w.buffers.Get().(*chunk)
		c.text, c.items = c.text[:0], c.items[:0]
		for i < n && len(c.items) < w.config.BulkDocuments {
			before := len(c.text)
			if add(c, i); len(c.text) > w.config.BulkBytes && before > 0 {
				c.text, c.items = c.text[:before], c.items[:len(c.items)-1]
				break // the document opens the next chunk
			}
			i++
		}
		group.Go(func() error {
			defer func() { <-w.slots }()
			err := w.send(groupCtx, c, c.items, outcomes, settle)
			if !c.tainted && cap(c.text) <= 2*w.config.BulkBytes { // one huge document must not stay for ever
				w.buffers.Put(c)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return outcomes, ctx.Err()
}

// send brings a chunk's items in, whatever it takes.
func (w *Writer) send(ctx context.Context, c *chunk, items []item, outcomes []sink.Outcome, settle taken) error {
	pause := backoff{min: w.config.BackoffMin, max: w.config.BackoffMax}
	for len(items) > 0 {
		results, err := w.bulk(ctx, c, items)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var setup *sink.SetupError
		if errors.As(err, &setup) && !setup.Pending {
			return err
		}
		var api *apiError
		if errors.As(err, &api) && judge(api) == rejects {
			// The request as a whole is refused, as too large or unreadable: find out for which document.
			if len(items) == 1 {
				outcomes[items[0].arg] = sink.Outcome{Status: sink.StatusRejected, Err: api}
				return nil
			}
			half := len(items) / 2
			if err := w.send(ctx, c, items[:half], outcomes, settle); err != nil {
				return err
			}
			items = items[half:]
			continue
		}
		if err != nil {
			if err := w.wait(ctx, &pause, err, len(items)); err != nil {
				return err
			}
			continue
		}

		var again, conflicting []item
		var fault error
		for i, it := range items {
			e := results[i].failure()
			if e == nil {
				outcomes[it.arg].Status = sink.StatusStored
				continue
			}
			switch judge(e) {
			case exists:
				conflicting = append(conflicting, it)
			case rejects:
				outcomes[it.arg] = sink.Outcome{Status: sink.StatusRejected, Err: e}
			case drifted:
				return &sink.SetupError{Where: it.ref.Index, Detail: "the index's mapping lacks a field that this release writes"}
			default:
				again, fault = append(again, it), e
			}
		}
		if len(conflicting) > 0 {
			more, err := settle(ctx, conflicting, outcomes)
			if err != nil {
				return err
			}
			if len(more) > 0 {
				again, fault = append(again, more...), errGone
			}
		}
		if len(again) < len(items) {
			pause.reset()
			w.going()
		}
		if len(again) > 0 {
			if err := w.wait(ctx, &pause, fault, len(again)); err != nil {
				return err
			}
		}
		items = again
	}
	return nil
}

var errGone = errors.New("a document that stood in the way is gone")

// wait tells the observer why, and pauses.
func (w *Writer) wait(ctx context.Context, pause *backoff, fault error, n int) error {
	w.observer.Retried(code(fault), n)
	w.waiting.Store(true)
	w.observer.Waiting(fault)
	return pause.pause(ctx)
}

// going tells the observer that a wait is over.
func (w *Writer) going() {
	if w.waiting.CompareAndSwap(true, false) {
		w.observer.Waiting(nil)
	}
}

// bulk sends one bulk request.
func (w *Writer) bulk(ctx context.Context, c *chunk, items []item) ([]bulkResult, error) {
	if err := w.guard.check(ctx, w.attempt, items); err != nil {
		return nil, err
	}
	body := c.body(items)
	start := time.Now()
	answer, err := w.attempt(ctx, "POST", "/_bulk?filter_path="+bulkFilter, "application/x-ndjson", body)
	if err != nil {
		c.tainted = true
		return nil, err
	}
	w.observer.Bulk(time.Since(start), len(items), len(body))
	return parseBulk(answer, len(items))
}

// attempt is one try of one request, bounded in time.
func (w *Writer) attempt(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.RequestTimeout)
	defer cancel()
	return w.do(ctx, method, path, contentType, body)
}
