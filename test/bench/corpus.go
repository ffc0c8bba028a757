package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// defaultPrefix is the topic.prefix of the connector whose records the corpus imitates.
const defaultPrefix = "shop"

// Topics of a corpus, by its prefix.
func changeTopic(prefix string) string      { return prefix + ".public.product" }
func transactionTopic(prefix string) string { return prefix + ".transaction" }
func messageTopic(prefix string) string     { return prefix + ".message" }

// entities is how many rows the changes go round. It is prime, so that a transaction of any length meets rows on all partitions.
const entities = 9973

// usualPace is how many transactions were committed a second, by the corpus's own times.
const usualPace = 1000

// share says which transactions have a context message.
type share string

const (
	shareAll  share = "all"
	shareHalf share = "half" // every other one
	shareNone share = "none"
)

func (s share) has(tx int) bool { return s == shareAll || s == shareHalf && tx%2 == 0 }

// format is how records are written.
type format string

const (
	formatJSON format = "json" // without schemas
	formatAvro format = "avro" // in Confluent's wire format
)

// corpus describes generated records in the form in which Debezium's were recorded: updates of a table's rows, with the BEGIN and END of each
// transaction and its context message. Change number i is of row i modulo entities, and its number tells its transaction: see of. So each
// audit event can be checked by itself.
type corpus struct {
	source       string // the topic.prefix
	transactions int
	perTx        int // changes in a transaction
	every        int // one in so many transactions has changes, the last of so many; the others have their context alone
	pace         int // transactions committed a second
	context      share
	shape        rowShape
	columns      []column
	format       format
	ids          schemaIDs // of a corpus in Avro, once they are registered
	from         time.Time // the commit of the first transaction
}

// newCorpus describes a corpus of at least as many changes as the settings ask for, in whole transactions, the last of which was committed just before now.
func newCorpus(source string, s settings, now time.Time) corpus {
	return corpus{source: source, transactions: (s.events + s.perTx - 1) / s.perTx, perTx: s.perTx, every: 1, pace: usualPace, context: s.context,
		shape: s.row, columns: columnsOf(s.row, s.columns), format: s.format}.endingAt(now)
}

// endingAt returns the corpus with the last transaction committed just before now.
func (c corpus) endingAt(now time.Time) corpus {
	c.from = now.Add(-time.Duration(c.transactions) * time.Second / time.Duration(c.pace)).Add(-time.Second).Truncate(time.Millisecond)
	return c
}

func (c corpus) changes() int { return c.transactions / c.every * c.perTx }

// of is the transaction of a change.
func (c corpus) of(change int) int { return change/c.perTx*c.every + c.every - 1 }

// user is the one who made the transaction.
func user(tx int) string { return fmt.Sprintf("u-%d", tx) }

// headers are what Debezium puts on each change.
func (c corpus) headers() []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: "__debezium.context.connectorLogicalName", Value: []byte(`"` + c.source + `"`)},
		{Key: "__debezium.context.taskId", Value: []byte(`"0"`)},
		{Key: "__debezium.context.connectorName", Value: []byte(`"postgresql"`)},
	}
}

// messageCollection is how Debezium names what messages belong to.
const messageCollection = "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@4f6ec54f"

// boundary is the BEGIN or END of a transaction.
type boundary struct {
	id          string
	at          time.Time
	end         bool
	collections []collection // of an END
}

// collection counts a transaction's events of a table, or its messages.
type collection struct {
	name   string
	events int
}

// event is a change of a row, or a message.
type event struct {
	tx       int
	at       time.Time // the commit
	begin    int       // the place of the transaction in the log
	lsn      int
	order    int    // in the transaction, from 1
	ofTable  int    // the same among the table's events, or the messages
	id       int    // the row
	version  int    // after the change
	content  []byte // of a message
	database string
}

// encoder writes records' keys and values in a format.
type encoder interface {
	transactionKey(id string) []byte
	boundary(boundary) []byte
	messageKey() []byte
	message(event) []byte
	changeKey(id int) []byte
	change(event) []byte
}

func (c corpus) encoder() encoder {
	if c.format == formatAvro {
		return avroEncoder{c}
	}
	return jsonEncoder{c}
}

// transaction returns the records of a transaction, in the order in which the connector produces them.
func (c corpus) transaction(tx int) []*kgo.Record {
	encode := c.encoder()
	at := c.from.Add(time.Duration(tx) * time.Second / time.Duration(c.pace))
	e := event{tx: tx, at: at, begin: 26_518_184 + tx*(64+64*c.perTx), database: "shop"}
	var records []*kgo.Record
	add := func(topic string, key, value []byte, headers []kgo.RecordHeader) {
		records = append(records, &kgo.Record{Topic: topic, Key: key, Value: value, Headers: headers, Timestamp: at})
	}
	b := boundary{id: fmt.Sprintf("%d:%d", tx, e.begin), at: at}
	add(transactionTopic(c.source), encode.transactionKey(b.id), encode.boundary(b), nil)
	b.end, e.lsn = true, e.begin
	messages := c.context.has(tx)
	if messages {
		e.lsn, e.order, e.ofTable = e.lsn+32, 1, 1
		e.content = fmt.Appendf(nil, `{"user":{"id":"%s"},"correlation_id":"4f0c1a5e-9d53-4c8e-b7a2-%012d","ip":"10.1.2.3","reason":"goods received"}`, user(tx), tx)
		add(messageTopic(c.source), encode.messageKey(), encode.message(e), nil)
	}
	if (tx+1)%c.every == 0 {
		b.collections = append(b.collections, collection{"public.product", c.perTx})
		for i := range c.perTx {
			n := tx/c.every*c.perTx + i
			e.lsn, e.order, e.ofTable, e.id, e.version = e.lsn+64, e.order+1, i+1, n%entities, n/entities+1
			add(changeTopic(c.source), encode.changeKey(e.id), encode.change(e), c.headers())
		}
	}
	if messages {
		b.collections = append(b.collections, collection{messageCollection, 1})
	}
	b.id = fmt.Sprintf("%d:%d", tx, e.lsn)
	add(transactionTopic(c.source), encode.transactionKey(b.id), encode.boundary(b), nil)
	return records
}

// events is how many events an END counts.
func (b boundary) events() int {
	n := 0
	for _, c := range b.collections {
		n += c.events
	}
	return n
}
