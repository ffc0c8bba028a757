package processor

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"dossier/schema"
)

// contextReader reads every partition of the context streams into the window: each processor instance needs all of
// them, whichever changes are assigned to it. It knows up to which record time it has read them all.
//
// It never commits an offset: where it starts follows from the oldest undecided change. Records that cannot be understood are
// passed over here; the consumer group, which reads the same topics once, makes them dead letters.
type contextReader struct {
	options  []kgo.Opt
	decoders []*schema.Decoder // by source index
	sources  []*sourceState
	config   ContextConfig
	log      *zap.Logger
	now      func() time.Time

	// horizon returns the time of the oldest context that an undecided change may need, in Unix milliseconds.
	horizon func() int64
	// position returns the record time of the latest change that was taken up, in Unix milliseconds; never where there is none, or no backlog.
	position func() int64
	// wake tells that something was read, or that the end was reached.
	wake chan struct{}

	mu       sync.RWMutex // guards what follows
	window   *Window
	streams  map[topicPartition]*stream
	covered  int64 // the window holds every context from this time on, up to where the streams have been read
	caughtUp int64 // the ends that every stream has been read to were listed at this time
	added    []uint64
	overflow bool  // added was full: which keys have come is unknown
	needed   int64 // the latest record time that somebody waits for the streams to be read past; never if nobody waits

	scratch contextScratch // of take, which only one goroutine calls

	target     map[topicPartition]int64 // ends that were listed last and are not reached yet
	targetTime int64
	restart    chan int64    // asks to read from a time on, unless that is read already
	anew       chan struct{} // asks to read again what was read
}

type topicPartition struct {
	topic     string
	partition int32
}

// stream is one partition of a context topic.
type stream struct {
	source *sourceState
	role   role
	forms  *schema.FormReader // of a transaction or message topic
	first  int64              // the offset from which it is read
	next   int64              // the offset to be read next
	end    int64              // the partition's end when it was listed last
	newest int64              // the newest record time read, in Unix milliseconds
	sound  int64              // every record from this offset up to next was understood
	paused bool               // it is ahead of the others: see align
}

// never is a record time before all others, with room to subtract from it.
const never = math.MinInt64 / 2

// addedLimit bounds the notes about what has come; beyond it, everything pending is looked at.
const addedLimit = 10_000

// endsInterval is the shortest time between two listings of the streams' ends.
const endsInterval = 10 * time.Millisecond

func (r *contextReader) run(ctx context.Context) error {
	// Topics come into being, such as that of the messages with the first message: metadata must be fresh.
	lister, err := kgo.NewClient(append(slices.Clone(r.options), kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		return &FatalError{err}
	}
	defer lister.Close()
	admin := kadm.NewClient(lister)
	var from int64
	select {
	case from = <-r.restart:
	case <-ctx.Done():
		return nil
	}
	for {
		next, err := r.readFrom(ctx, admin, from)
		if errors.Is(err, kerr.UnknownTopicID) {
			return err // the group's place in the topic means nothing any more
		}
		if err != nil && ctx.Err() == nil {
			r.log.Warn("reading contexts", zap.Error(err))
			sleep(ctx, time.Second)
			next = math.MaxInt64
		}
		if ctx.Err() != nil {
			return nil
		}
		// From what is needed now, not from what was needed when this process started.
		if horizon := r.horizon(); horizon > never {
			next = min(next, horizon)
		}
		if next < math.MaxInt64 {
			from = next
		}
	}
}

// require makes sure that the window covers every context from that time on; the streams are read again where it does not. It says whether it
// does.
func (r *contextReader) require(from int64) bool {
	r.mu.RLock()
	ok := from >= r.covered
	r.mu.RUnlock()
	if ok {
		return true
	}
	select {
	case r.restart <- from:
	default: // already asked for
	}
	return false
}

// readFrom reads the streams from that record time on, until it is asked to start from another one.
func (r *contextReader) readFrom(ctx context.Context, admin *kadm.Client, from int64) (next int64, err error) {
	starts, err := r.starts(ctx, admin, from)
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(append(slices.Clone(r.options),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumePartitions(kgoOffsets(starts)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()

	r.mu.Lock()
	r.window.Reset()
	r.streams, r.covered, r.caughtUp, r.target = make(map[topicPartition]*stream), from, never, nil
	for at, offset := range starts {
		r.addStream(at, offset)
	}
	r.mu.Unlock()

	// Both end with this function: a listing must not outlive the streams that it speaks of.
	ctx, cancel := context.WithCancel(ctx)
	var listing sync.WaitGroup
	defer listing.Wait()
	defer cancel()
	listing.Go(func() { r.followEnds(ctx, admin, client) })

	for {
		select {
		case next = <-r.restart:
			// It may have been asked for before the streams were read from there.
			if next < r.covered {
				return next, nil
			}
		case <-r.anew:
			return r.covered, nil
		case <-ctx.Done():
			return 0, nil
		default:
		}
		if !r.makeRoom(ctx) {
			continue
		}
		poll, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := client.PollRecords(poll, 5000)
		stop()
		if err := fetchError(fetches); err != nil {
			return 0, err
		}
		if err := r.take(ctx, fetches); err != nil {
			return 0, err
		}
		r.align(client)
	}
}

// alignSlack is how far one stream may be read ahead of another that has not reached its end, in milliseconds of record time.
const alignSlack = 10_000

// align makes the streams advance together, by record time: what has been read of one is of no use until the others have been read as far,
// and the window would fill with it. It pauses those that are ahead.
func (r *contextReader) align(client *kgo.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slowest := int64(math.MaxInt64)
	for _, s := range r.streams {
		if s.next < s.end {
			slowest = min(slowest, s.newest)
		}
	}
	stop, goOn := make(map[string][]int32), make(map[string][]int32)
	for at, s := range r.streams {
		ahead := slowest < math.MaxInt64 && s.newest > slowest+alignSlack
		switch {
		case ahead && !s.paused:
			stop[at.topic] = append(stop[at.topic], at.partition)
		case !ahead && s.paused:
			goOn[at.topic] = append(goOn[at.topic], at.partition)
		}
		s.paused = ahead
	}
	if len(stop) > 0 {
		client.PauseFetchPartitions(stop)
	}
	if len(goOn) > 0 {
		client.ResumeFetchPartitions(goOn)
	}
}

func (r *contextReader) addStream(at topicPartition, offset int64) {
	source, role, _ := classify(at.topic, r.sources, r.config)
	s := &stream{source: source, role: role, first: offset, next: offset, newest: never, sound: math.MaxInt64}
	if role == roleTransaction || role == roleMessage {
		s.forms = schema.NewFormReader(r.decoders[source.index])
	}
	r.streams[at] = s
}

// makeRoom keeps the window within its limits: it drops what no undecided change can need, and waits as long as the streams have been read
// as far as somebody needs. Only when more must be read does it give up the oldest contexts: waiting would be for ever.
func (r *contextReader) makeRoom(ctx context.Context) bool {
	horizon := r.horizon()
	r.mu.Lock()
	if before := r.window.Len(); before > 0 {
		r.window.Evict(horizon)
		if r.window.Len() < before {
			r.covered = max(r.covered, horizon)
		}
	}
	if (r.window.Full() || r.isAhead()) && !r.mustRead() {
		r.mu.Unlock()
		sleep(ctx, 20*time.Millisecond)
		return false
	}
	for r.window.Full() && r.window.EvictOldest() {
	}
	r.mu.Unlock()
	return true
}

// A window of more records than this is not read further ahead of the changes than aheadSlack: the context streams of a long backlog are read much faster than its
// changes, and would fill the window to its limits with what nobody needs for long.
const (
	aheadRecords = 100_000
	aheadSlack   = 60_000 // milliseconds
)

// isAhead says whether the streams have been read further than the changes of a backlog will need soon. The caller holds mu.
func (r *contextReader) isAhead() bool {
	position := r.position()
	if r.window.Len() < aheadRecords || position == never {
		return false
	}
	ahead, limit := false, position+r.config.Grace.Milliseconds()+aheadSlack
	for _, s := range r.streams {
		if s.newest > limit {
			ahead = true
		} else if s.next < s.end {
			return false
		}
	}
	return ahead
}

// mustRead says whether somebody waits for what has not been read. The caller holds mu.
func (r *contextReader) mustRead() bool {
	for _, s := range r.streams {
		if s.next < s.end && s.newest <= r.needed {
			return true
		}
	}
	return false
}

// takeRecords is how many records are added to the window under one lock.
const takeRecords = 64

// take adds what was fetched to the window.
func (r *contextReader) take(ctx context.Context, fetches kgo.Fetches) error {
	if fetches.NumRecords() == 0 {
		return nil
	}
	now := r.now().UnixMilli()
	scratch := &r.scratch
	var failed error
	var headers []schema.Header
	additions := make([]addition, 0, takeRecords)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		r.mu.RLock()
		s := r.streams[topicPartition{p.Topic, p.Partition}]
		r.mu.RUnlock()
		if s == nil || failed != nil {
			return
		}
		next := s.next
		for _, record := range p.Records {
			if record.Offset < next {
				continue
			}
			additions = append(additions, addition{offset: record.Offset, sound: true, time: never})
			if !record.Attrs.IsControl() {
				a := &additions[len(additions)-1]
				// A record time in the future is a clock that lies: it must not make the rest of the stream look read.
				a.time = min(record.Timestamp.UnixMilli(), now)
				rec := fromKgo(record, headers[:0])
				headers = rec.Headers
				if failed = r.understand(ctx, s, &rec, a, scratch); failed != nil {
					additions = additions[:len(additions)-1]
					break
				}
			}
			next = record.Offset + 1
			if len(additions) == takeRecords {
				r.add(s, additions)
				additions, scratch.payloads = additions[:0], scratch.payloads[:0]
			}
		}
		r.add(s, additions)
		additions, scratch.payloads = additions[:0], scratch.payloads[:0]
	})
	if failed == nil {
		fetches.EachRecord((*kgo.Record).Recycle) // what the window has of them is a copy
	}
	r.reachEnds()
	r.signal()
	return failed
}

// add adds consecutive records of a stream to the window.
func (r *contextReader) add(s *stream, additions []addition) {
	if len(additions) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range additions {
		a := &additions[i]
		r.addOne(a)
		s.sound = min(s.sound, a.offset)
		if !a.sound {
			s.sound = a.offset + 1
		}
		s.next, s.newest = a.offset+1, max(s.newest, a.time)
	}
}

// note remembers that something has come under a key, for those who wait for late contexts. The caller holds mu.
func (r *contextReader) note(key uint64) {
	if len(r.added) >= addedLimit {
		r.overflow = true
		return
	}
	r.added = append(r.added, key)
}

// takeAdded returns the keys under which something has come since the last call; all is true where they were too many to note.
func (r *contextReader) takeAdded() (keys []uint64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys, all = r.added, r.overflow
	r.added, r.overflow = nil, false
	return keys, all
}

// transientOnly returns err where waiting can help, and nil where the record is at fault.
func transientOnly(err error) error {
	if errors.Is(err, schema.ErrRegistryUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// sleep waits and says whether it was for the whole time.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
