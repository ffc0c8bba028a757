package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/query"
	"dossier/schema"
)

// Limits of a Publisher.
const (
	// publishTimeout is how long the brokers may take for what a caller waits for.
	publishTimeout = 10 * time.Second
	// retryAfter is what a caller is told to wait while Kafka does not answer.
	retryAfter = 5 * time.Second
	// accessRecords and accessBytes bound the access events that wait to be written; more are lost, and counted.
	accessRecords = 10_000
	accessBytes   = 16 << 20
	// accessTimeout is how long an access event is tried before it is lost.
	accessTimeout = time.Minute
)

// Publisher writes audit events for the HTTP API. Safe for concurrent use.
//
//	Publish, one event ──> producer ─────────────┐
//	Publish, several ────> transactional producer┼─> audit topic
//	Access ──────────────> bounded queue ────────┘
type Publisher struct {
	format   Format
	single   *kgo.Client
	access   *kgo.Client
	observer Observer
	options  []kgo.Opt // of the transactional client
	txnID    string

	turn chan struct{} // holds one token: whose turn the transactional client is
	txn  *kgo.Client   // owned by the holder of the token; nil until it is needed
}

// NewPublisher returns a publisher that reaches the brokers by kafka. It connects to nothing yet.
func NewPublisher(format Format, kafka []kgo.Opt, observer Observer) (*Publisher, error) {
	codec, err := format.codec()
	if err != nil {
		return nil, err
	}
	if observer == nil {
		observer = NoObserver{}
	}
	common := append(slices.Clone(kafka), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytesFn(func(string) int32 { return maxBatch }),
		kgo.MetadataMaxAge(time.Minute))
	p := &Publisher{format: format, observer: observer, txnID: "dossier-intake-" + newID("publisher"), turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	p.options = append(slices.Clone(common), kgo.TransactionalID(p.txnID), kgo.TransactionTimeout(publishTimeout))
	if p.single, err = kgo.NewClient(append(slices.Clone(common), kgo.RecordDeliveryTimeout(publishTimeout))...); err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	// TryProduce takes no record beyond these bounds.
	p.access, err = kgo.NewClient(append(slices.Clone(common), kgo.MaxBufferedRecords(accessRecords), kgo.MaxBufferedBytes(accessBytes),
		kgo.RecordDeliveryTimeout(accessTimeout), kgo.ProducerLinger(50*time.Millisecond))...)
	if err != nil {
		p.single.Close()
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return p, nil
}

// maxBatch is the largest batch offered to the brokers; a topic may take less.
const maxBatch = 8 << 20

// Publish writes all of the events, or none: readers of committed records see them at once. nil promises that the brokers have them.
//
// Where Kafka does not answer, the error is a *query.Error with CodeUnavailable; whether the events were written is then not known, and the same events
// may be published again.
func (p *Publisher) Publish(ctx context.Context, events []schema.AuditEvent) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	var err error
	if len(events) == 1 {
		err = p.one(ctx, &events[0])
	} else {
		err = p.all(ctx, events)
	}
	if err != nil {
		return unavailable(err)
	}
	p.observer.Published(events[0].Kind, len(events))
	return nil
}

// one writes one event. It waits no longer than ctx, though the client may still bring it through later.
func (p *Publisher) one(ctx context.Context, e *schema.AuditEvent) error {
	done := make(chan error, 1)
	p.single.Produce(ctx, p.format.record(e), func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// all writes events in one transaction. After a fault the client is given up: the next one, which has the same transactional id, ends what it left.
func (p *Publisher) all(ctx context.Context, events []schema.AuditEvent) error {
	select {
	case <-p.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { p.turn <- struct{}{} }()
		err := p.transaction(ctx, events)
		if err != nil && p.txn != nil {
			p.txn.Close()
			p.txn = nil
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done(): // the client may take a little longer to give up
		return ctx.Err()
	}
}

func (p *Publisher) transaction(ctx context.Context, events []schema.AuditEvent) (err error) {
	if p.txn == nil {
		if p.txn, err = kgo.NewClient(p.options...); err != nil {
			return err
		}
	}
	if err := p.txn.BeginTransaction(); err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	for i := range events {
		p.txn.Produce(ctx, p.format.record(&events[i]), func(_ *kgo.Record, err error) {
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
	}
	if err := p.txn.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if failed != nil {
		// The transaction ends with the client's successor, or by its timeout; what was written of it is never read.
		return failed
	}
	return p.txn.EndTransaction(ctx, kgo.TryCommit)
}

// Access hands over the event of somebody having read something. It never waits: where the events before it have not gone through, because Kafka does
// not answer, up to 10,000 of them or 16 MiB are kept for up to a minute; what is beyond that is lost, and counted. A read is answered all the same.
func (p *Publisher) Access(e *schema.AuditEvent) {
	p.access.TryProduce(context.Background(), p.format.record(e), func(_ *kgo.Record, err error) {
		switch {
		case err == nil:
			p.observer.Published(schema.KindAccess, 1)
		case errors.Is(err, kgo.ErrMaxBuffered):
			p.observer.AccessLost("queue_full", 1)
		default:
			p.observer.AccessLost("not_delivered", 1)
		}
	})
}

// Close writes what waits, as long as ctx lasts, and lets the brokers go. Nothing may be published any more.
func (p *Publisher) Close(ctx context.Context) error {
	err := p.access.Flush(ctx)
	p.access.Close()
	p.single.Close()
	select {
	case <-p.turn:
		if p.txn != nil {
			p.txn.Close()
		}
	case <-ctx.Done(): // a transaction hangs: it ends with the process
	}
	if err != nil {
		return fmt.Errorf("access events that were not yet written are lost: %w", err)
	}
	return nil
}

// unavailable says what a caller gets to know of a fault of Kafka's. An event that the topic will never take is no such fault.
func unavailable(err error) error {
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		return Faults{{"", "is larger than the audit topic takes"}}
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &query.Error{Code: query.CodeUnavailable, RetryAfter: retryAfter, Err: err,
		Detail: "Kafka does not answer, so what was sent may not have been taken; send it again with the same id or Idempotency-Key, which makes sure that it is taken once"}
}
