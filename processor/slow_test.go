package processor_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"dossier/processor"
	"dossier/schema"
)

// A backlog that takes longer to decide than the broker keeps a transaction open: it is committed in parts. In one transaction it would be given up and
// begun again, for ever.
func TestBacklogLongerThanATransaction(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	c := newCluster(t)
	const transactions, each = 60, 150 * time.Millisecond // in one partition, so one after the other
	for tx := range transactions {
		c.message(tx+1, 1, fmt.Sprintf(`{"user":{"id":"u%d"},"user_agent":"agent %[1]d"}`, tx))
		c.update(tx+1, 1, 2, strconv.Itoa(tx), strconv.Itoa(tx+1))
		c.end(tx+1, 1, 1)
	}
	p, err := processor.New(processor.Config{Sources: []processor.Source{{Name: "shop"}}, TransactionTimeout: transactions * each / 2}, processor.Options{
		Kafka: c.options, Log: zaptest.NewLogger(t),
		UserAgent: func(original string) schema.UserAgent { // a machine that is slow
			time.Sleep(each)
			return schema.UserAgent{Original: original}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for i, e := range c.events(transactions) {
		if want := fmt.Sprintf("u%d", i); e.Context.User.ID != want {
			t.Errorf("change %d is by %s, want %s", i, e.Context.User.ID, want)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
