// Command subscribe reads Dossier's audit topic and prints each event as one line of JSON. It shows what any consumer needs, and uses
// only a Kafka client, an Avro library and encoding/json, none of Dossier's packages.
//
//	go run ./examples/subscribe --brokers 127.0.0.1:9092 --topic dossier.audit --count 10
//
// Each line is {"partition","offset","key","headers","event"}; events that came as Avro are printed in the JSON form.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errMisuse):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "subscribe:", err)
		os.Exit(1)
	}
}

// errMisuse: the flag package has already said what is wrong.
var errMisuse = errors.New("misuse")

// line is what is printed for each record.
type line struct {
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Key       string            `json:"key"`
	Headers   map[string]string `json:"headers"`
	Event     *Event            `json:"event"`
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	flags.SetOutput(errs)
	brokers := flags.String("brokers", "127.0.0.1:9092", "Kafka's addresses, separated by commas")
	topic := flags.String("topic", "dossier.audit", "the audit topic")
	registry := flags.String("registry", "", "the schema registry's URL, for a topic in Avro")
	group := flags.String("group", "", "the consumer group, which remembers how far it has read; none: from the beginning each time")
	count := flags.Int("count", 0, "stop after so many events; 0: never")
	timeout := flags.Duration("timeout", 0, "give up, with an error, when count isn't reached within this time; 0: never")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errMisuse
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "unexpected argument %q; see --help\n", flags.Arg(0))
		return errMisuse
	}
	if *timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *timeout)
		defer cancel()
	}

	avro := &avroDecoder{codecs: map[uint32]*goavro.Codec{}}
	if *registry != "" {
		client, err := sr.NewClient(sr.URLs(*registry))
		if err != nil {
			return err
		}
		avro.registry = client
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(*brokers, ",")...),
		kgo.ConsumeTopics(*topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Dossier writes in Kafka transactions. Whoever reads uncommitted sees events of transactions that were aborted,
		// and sees them again when they are written once more.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	}
	if *group != "" {
		options = append(options, kgo.ConsumerGroup(*group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	if err := reach(ctx, client); err != nil {
		return fmt.Errorf("no broker at %s answers: %w", *brokers, err)
	}

	buffered := bufio.NewWriter(out)
	seen := 0
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return stopped(ctx, seen, *count)
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		var taken []*kgo.Record
		for _, r := range fetches.Records() {
			if err := printEvent(ctx, buffered, avro, r); err != nil {
				return fmt.Errorf("record at offset %d of %s/%d: %w", r.Offset, r.Topic, r.Partition, err)
			}
			taken = append(taken, r)
			if seen++; *count > 0 && seen == *count {
				break
			}
		}
		// First the effect, here the output, then the offsets: after a crash between the two, events come again. A consumer whose
		// effect must happen once stores the event's id with it.
		if err := buffered.Flush(); err != nil {
			return err
		}
		if *group != "" {
			if err := client.CommitRecords(ctx, taken...); err != nil {
				return err
			}
			client.AllowRebalance()
		}
		if *count > 0 && seen == *count {
			return nil
		}
	}
}

// reach asks for an answer of any broker once. Polling by itself waits in silence for brokers that are down, which is right later, but
// hides a wrong address.
func reach(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.Ping(ctx)
}

// stopped says whether ending now is what was asked for.
func stopped(ctx context.Context, seen, count int) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%d of %d events within the time", seen, count)
	}
	return nil
}

func printEvent(ctx context.Context, out io.Writer, avro *avroDecoder, r *kgo.Record) error {
	event, err := decode(ctx, avro, r.Value)
	if err != nil {
		return err
	}
	l := line{Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Headers: map[string]string{}, Event: event}
	for _, h := range r.Headers {
		l.Headers[h.Key] = string(h.Value)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(l)
}

// decode tells Avro from JSON by the first byte, which is 0 only in Confluent's wire format.
func decode(ctx context.Context, avro *avroDecoder, value []byte) (event *Event, err error) {
	if len(value) > 0 && value[0] == 0 {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		event, err = avro.decode(ctx, value)
	} else {
		event = new(Event)
		err = json.Unmarshal(value, event)
	}
	if err != nil {
		return nil, err
	}
	if event.SchemaVersion != 1 {
		return nil, fmt.Errorf("audit event of schema version %d, but this program knows 1", event.SchemaVersion)
	}
	return event, nil
}
