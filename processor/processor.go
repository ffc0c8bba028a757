package processor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossier/internal/compression"
	"dossier/internal/deadletter"
	"dossier/schema"
)

// Processor is one instance of the processor: a member of a consumer group that shares the change topics' partitions out.
//
//	change topics ──> partitions (bounded; paused when full) ──> decode ─> Decide ─> Materialize ──┐
//	context topics ─> contextReader ─> Window ─────────────────────────────┘                       │ one Kafka transaction
//	audit topic <── events, attributions <─────────────────────────────────────────────────────────┤ with the offsets
//	dead-letter topic, pending topic <─────────────────────────────────────────────────────────────┘
//
// Nothing of a transaction is visible until its offsets are committed with it. What is undecided stays at the head of its
// partition, and the committed offset stays before it: after a crash it is read again.
type Processor struct {
	config    Config
	policy    Policy
	options   []kgo.Opt // how to reach the brokers
	sources   []*sourceState
	decoders  []*schema.Decoder
	rules     *Rules
	userAgent func(string) schema.UserAgent
	observer  Observer
	log       *zap.Logger
	now       func() time.Time

	state atomic.Pointer[State]
	ready atomic.Bool
}

// Options are what a Processor works with besides its configuration.
type Options struct {
	// Kafka says how to reach the brokers: seed brokers, TLS, SASL.
	Kafka []kgo.Opt
	// UserAgent parses a User-Agent header. Default: only the original is kept.
	UserAgent func(string) schema.UserAgent
	Observer  Observer // default NopObserver
	Log       *zap.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// New returns a processor, or every fault of the configuration.
func New(config Config, o Options) (*Processor, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	p := &Processor{
		config: config,
		policy: Policy{
			Grace: config.Context.Grace.Milliseconds(), Lookback: config.Context.Lookback.Milliseconds(), Topic: config.Context.Topic != "",
		},
		options: o.Kafka, rules: NewRules(config.Entities), userAgent: o.UserAgent, observer: o.Observer, log: o.Log, now: o.Now,
	}
	if p.userAgent == nil {
		p.userAgent = func(original string) schema.UserAgent { return schema.UserAgent{Original: original} }
	}
	if p.observer == nil {
		p.observer = NopObserver{}
	}
	if p.log == nil {
		p.log = zap.NewNop()
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.config.Workers <= 0 {
		p.config.Workers = runtime.GOMAXPROCS(0)
	}
	for i, s := range config.Sources {
		p.sources = append(p.sources, &sourceState{Source: s, index: uint16(i)})
		p.decoders = append(p.decoders, schema.NewDecoder(schema.DecoderConfig{
			Source: s.Name, Format: s.Format, Placeholder: s.Placeholder, Schemas: s.Schemas,
			FullBefore: func(schemaName, table string) bool { return matchesAny(s.FullBefore, schemaName+"."+table) },
			Types: func(schemaName, table, column string) (schema.ColumnType, bool) {
				t, ok := s.Types[schemaName+"."+table][column]
				return t, ok
			},
		}))
	}
	p.state.Store(&State{})
	return p, nil
}

// State returns the gauges as they were a moment ago.
func (p *Processor) State() State { return *p.state.Load() }

// Ready says whether the processor is a member of its group and has caught up with the change topics.
func (p *Processor) Ready() bool { return p.ready.Load() }

// Run processes until ctx ends; then it commits what is decided, leaves the group and returns nil. An error that passes
// (brokers away, a lost transaction) makes it join again, after a pause that grows to 30 s.
func (p *Processor) Run(ctx context.Context) error {
	pause := time.Second
	for {
		began := p.now()
		err := p.runSession(ctx)
		p.ready.Store(false)
		if ctx.Err() != nil {
			return err
		}
		if err == nil {
			err = errors.New("session ended")
		}
		var fatal *FatalError
		if errors.As(err, &fatal) {
			return err
		}
		if p.now().Sub(began) > time.Minute {
			pause = time.Second
		}
		p.log.Warn("session ended, joining again", zap.Error(err), zap.Duration("pause", pause))
		if !sleep(ctx, pause/2+rand.N(pause/2)) {
			return nil
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// FatalError is an error that joining again cannot mend.
type FatalError struct{ Err error }

func (e *FatalError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

// session is one membership in the group. Its fields belong to the goroutine of runSession, but for rebalance.
type session struct {
	*Processor
	kafka    *kgo.GroupTransactSession
	admin    *kadm.Client
	contexts *contextReader
	pending  *pendingStore
	rendered renderedContexts
	late     Joiner // for pending changes
	slabs    slabs
	fetched  fetchPool
	promise  func(*kgo.Record, error)
	parts    map[topicPartition]*partition

	txn      sync.Mutex // held to change inTxn while workers run
	inTxn    atomic.Bool
	txnSince time.Time
	// When records came last, and when the last transaction was committed.
	recordsAt, committedAt time.Time
	isBehind               bool // all that is read was written long ago

	cut       atomic.Bool  // the last work ended before every partition had to wait
	decided   atomic.Int64 // records decided in the open transaction
	failure   atomic.Pointer[error]
	recheck   map[*pendingChange]bool
	horizon   atomic.Int64
	position  atomic.Int64 // of a backlog: see contextReader
	delays    [2]int64     // the longest time from commit to record, in this lookback period and the one before
	delaysAt  int64
	maxRecord int // the largest record that the audit topic takes
	maxLetter int // the largest that the dead-letter topic takes
	assigned  map[topicPartition]bool
	lastState time.Time
	// awaited is whether nothing was read yet of some partitions of change topics that were assigned then.
	awaited    bool
	assignedAt time.Time
	unplaced   map[topicPartition]bool // assigned partitions of context topics that are not in parts yet
	placedAt   time.Time               // when their offsets were asked for
	expiredAt  time.Time
	// pendingFrom is the record time of the oldest pending change, a second ago or less; math.MaxInt64 without any.
	pendingFrom int64
	// finish ends when the last commit of a processor that stops is given up: what is produced lives until then, not until ctx ends.
	finish context.Context //nolint:containedctx // it is the session's own lifetime

	rebalance struct {
		sync.Mutex
		committed map[topicPartition]int64 // as fetched at the assignment
		moves     []move
	}
}

// move is a partition that was assigned to us or taken away, in the order in which that happened.
type move struct {
	topicPartition
	added bool
}

func (p *Processor) runSession(ctx context.Context) error {
	s := &session{Processor: p, parts: make(map[topicPartition]*partition), recheck: make(map[*pendingChange]bool),
		assigned: make(map[topicPartition]bool), unplaced: make(map[topicPartition]bool), pendingFrom: math.MaxInt64}
	s.promise = s.produced
	s.rebalance.committed = make(map[topicPartition]int64)
	s.horizon.Store(never)
	s.position.Store(never)
	if err := s.open(); err != nil {
		return &FatalError{err}
	}
	defer s.kafka.CloseAllowingRebalance()
	if err := s.learnLimits(ctx); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.contexts.run(groupCtx) })
	group.Go(func() error { return s.loop(groupCtx) })
	return group.Wait()
}

// A fetch is bounded in compressed bytes, and ten to twenty times as large in memory. While it is worked on, the next one is under way. Small shares of
// the partitions keep these close together in time: their changes meet the contexts that others had rendered, and several workers have something to do.
const (
	fetchBytes          = 1 << 20
	fetchPartitionBytes = 128 << 10
)

func (s *session) open() error {
	codec, err := compression.Codec(s.config.Audit.Compression)
	if err != nil {
		return err
	}
	include, exclude := subscription(s.sources, s.config.Context)
	options := append(slices.Clone(s.options),
		kgo.ConsumerGroup(s.config.Group), kgo.ConsumeRegex(), kgo.ConsumeTopics(include...), kgo.ConsumeExcludeTopics(exclude...),
		kgo.TransactionalID(fmt.Sprintf("%s-%016x", s.config.Group, rand.Uint64())), kgo.TransactionTimeout(s.config.TransactionTimeout),
		// The ends of transactions are read as well, so that a partition that was read to its end shows as such.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(s.config.SessionTimeout),
		kgo.HeartbeatInterval(s.config.SessionTimeout/5), kgo.MetadataMaxAge(5*time.Second),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes), kgo.MaxConcurrentFetches(3), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytesFn(s.batchLimit),
		kgo.MaxBufferedRecords(50_000), kgo.MaxBufferedBytes(64<<20), kgo.WithPools(&s.fetched),
		kgo.OnPartitionsAssigned(s.added), kgo.OnPartitionsRevoked(s.removed), kgo.OnPartitionsLost(s.removed),
		kgo.AdjustFetchOffsetsFn(s.adjustOffsets))
	if s.kafka, err = kgo.NewGroupTransactSession(options...); err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	s.admin = kadm.NewClient(s.kafka.Client())
	s.pending = newPendingStore(s.config.Limits.PendingRecords)
	s.contexts = &contextReader{
		options:  slices.Concat(s.options, []kgo.Opt{kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes), kgo.MaxConcurrentFetches(2), kgo.WithPools(&s.fetched)}),
		decoders: s.decoders, sources: s.sources, config: s.config.Context, log: s.log, now: s.now,
		horizon: s.horizon.Load, position: s.position.Load, wake: make(chan struct{}, 1), restart: make(chan int64, 1), anew: make(chan struct{}, 1),
		window: NewWindow(s.config.Limits.ContextRecords, s.config.Limits.ContextBytes), covered: math.MaxInt64, caughtUp: never, needed: never,
	}
	s.late = Joiner{Window: s.contexts.window, Policy: s.policy}
	return nil
}

// learnLimits asks for the largest records that the topics take: a larger one would fail its whole transaction again and again.
func (s *session) learnLimits(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	configs, err := s.admin.DescribeTopicConfigs(ctx, s.config.Audit.Topic, s.config.DeadLetterTopic)
	if err != nil {
		return fmt.Errorf("settings of the topics %s and %s: %w", s.config.Audit.Topic, s.config.DeadLetterTopic, err)
	}
	if s.maxRecord, err = largestRecord(configs, s.config.Audit.Topic, s.config.Audit.MaxRecordBytes); err != nil {
		return err
	}
	s.maxLetter, err = largestRecord(configs, s.config.DeadLetterTopic, deadletter.MaxRecordBytes)
	return err
}

// batchLimit is the largest batch that a topic takes; the client asks once. Topics' limits are of batches, and an original among the dead letters can be large.
func (s *session) batchLimit(topic string) int32 {
	switch topic {
	case s.config.DeadLetterTopic:
		return int32(s.maxLetter)
	case s.config.Audit.Topic:
		return int32(s.maxRecord)
	}
	return 1 << 20
}

func largestRecord(configs kadm.ResourceConfigs, topic string, limit int) (int, error) {
	described, err := configs.On(topic, nil)
	if err != nil || described.Err != nil {
		return 0, fmt.Errorf("topic %s: %w; create it with dossier setup", topic, errors.Join(err, described.Err))
	}
	for _, c := range described.Configs {
		if c.Key == "max.message.bytes" && c.Value != nil {
			if n, err := strconv.Atoi(*c.Value); err == nil {
				limit = min(limit, n)
			}
		}
	}
	return limit, nil
}

// Records carry a frame of their own in a batch.
const recordOverhead = 512

func (s *session) removed(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.rebalance.Lock()
	defer s.rebalance.Unlock()
	for topic, numbers := range partitions {
		for _, n := range numbers {
			s.rebalance.moves = append(s.rebalance.moves, move{topicPartition{topic, n}, false})
		}
	}
}

// adjustOffsets notes the partitions assigned and their committed offsets, and starts change topics a little before these, for the
// ordinals. It is called when the transactions of their former owner have ended.
func (s *session) adjustOffsets(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	s.rebalance.Lock()
	defer s.rebalance.Unlock()
	for topic, partitions := range offsets {
		for n, offset := range partitions {
			s.rebalance.moves = append(s.rebalance.moves, move{topicPartition{topic, n}, true})
			at := offset.EpochOffset().Offset
			if at < 0 {
				continue // none committed: from the start
			}
			s.rebalance.committed[topicPartition{topic, n}] = at
			partitions[n] = kgo.NewOffset().At(s.rewound(topic, at))
		}
	}
	return offsets, nil
}

func (s *session) rewound(topic string, committed int64) int64 {
	if !s.isChange(topic) {
		return committed
	}
	return max(0, committed-ordinalRewind)
}

// isChange says whether a topic holds changes, and no contexts.
func (s *session) isChange(topic string) bool {
	_, role, _ := classify(topic, s.sources, s.config.Context)
	return role == roleChange
}
