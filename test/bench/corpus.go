package main

import (
	"encoding/base64"
	"fmt"
	"strings"
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

// corpus describes generated records in the form in which Debezium's were recorded: updates of rows of five columns or more as JSON
// without schemas, with the BEGIN and END of each transaction and its context message. Change number i is of row i modulo entities, and its
// number tells its transaction: see of. So each audit event can be checked by itself.
type corpus struct {
	source       string // the topic.prefix
	transactions int
	perTx        int // changes in a transaction
	every        int // one in so many transactions has changes, the last of so many; the others have their context alone
	pace         int // transactions committed a second
	context      share
	columns      string    // what each row holds beside the first five columns
	from         time.Time // the commit of the first transaction
}

// newCorpus describes a corpus of at least so many changes, in whole transactions, the last of which was committed just before now.
func newCorpus(source string, changes, perTx, columns int, context share, now time.Time) corpus {
	return corpus{source: source, transactions: (changes + perTx - 1) / perTx, perTx: perTx, every: 1, pace: usualPace, context: context,
		columns: moreColumns(columns)}.endingAt(now)
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

// narrow is the number of columns that the table has at least.
const narrow = 5

// moreColumns returns the members of a row beyond the first five columns: they hold what columns of wide tables do, and no change changes them.
func moreColumns(columns int) string {
	var b strings.Builder
	for i := narrow; i < columns; i++ {
		value := [...]string{`"a word or two"`, "12345678", `"1234.5600"`, "null", "true", `"2026-05-06T05:08:09.123456Z"`}[i%6]
		fmt.Fprintf(&b, `,"column_%d":%s`, i, value)
	}
	return b.String()
}

// row is a row of the table, in one of its versions.
func (c corpus) row(id, version int) string {
	return fmt.Sprintf(`{"id":%d,"supplier_id":%d,"name":"article %d, in a returnable box of cardboard, twelve to a pallet","price":"%d.50","made":"2026-05-06T05:08:09.000000Z"%s}`,
		id, id%97, id, version, c.columns)
}

// headers are what Debezium puts on each change.
func (c corpus) headers() []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: "__debezium.context.connectorLogicalName", Value: []byte(`"` + c.source + `"`)},
		{Key: "__debezium.context.taskId", Value: []byte(`"0"`)},
		{Key: "__debezium.context.connectorName", Value: []byte(`"postgresql"`)},
	}
}

// transaction returns the records of a transaction, in the order in which the connector produces them.
func (c corpus) transaction(tx int) []*kgo.Record {
	at := c.from.Add(time.Duration(tx) * time.Second / time.Duration(c.pace))
	ms, us := at.UnixMilli(), at.UnixMicro()
	begin := 26_518_184 + tx*(64+64*c.perTx) // the place in the log
	origin := func(lsn int, schema, table string) string {
		return fmt.Sprintf(`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"%s","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","ts_us":%d,"ts_ns":%d000,"schema":"%s","table":"%s","txId":%d,"lsn":%d,"xmin":null}`,
			c.source, ms, begin, lsn, us, us, schema, table, tx, lsn)
	}
	var records []*kgo.Record
	add := func(topic, key, value string, headers []kgo.RecordHeader) {
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Headers: headers, Timestamp: at})
	}
	id := fmt.Sprintf("%d:%d", tx, begin)
	add(transactionTopic(c.source), `{"id":"`+id+`"}`, fmt.Sprintf(`{"status":"BEGIN","id":"%s","event_count":null,"data_collections":null,"ts_ms":%d}`, id, ms), nil)
	lsn, order, messages := begin, 0, ""
	if c.context.has(tx) {
		lsn, order = lsn+32, 1
		content := fmt.Appendf(nil, `{"user":{"id":"%s"},"correlation_id":"4f0c1a5e-9d53-4c8e-b7a2-%012d","ip":"10.1.2.3","reason":"goods received"}`, user(tx), tx)
		add(messageTopic(c.source), `{"prefix":"dossier.context"}`, fmt.Sprintf(`{"op":"m","ts_ms":%d,%s,"transaction":{"id":"%d:%d","total_order":1,"data_collection_order":1},"message":{"prefix":"dossier.context","content":"%s"}}`,
			ms, origin(lsn, "", ""), tx, lsn, base64.StdEncoding.EncodeToString(content)), nil)
		messages = `,{"data_collection":"io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@4f6ec54f","event_count":1}`
	}
	tables, changes := "", 0
	if (tx+1)%c.every == 0 {
		changes = c.perTx
		tables = fmt.Sprintf(`{"data_collection":"public.product","event_count":%d}`, changes)
	}
	for i := range changes {
		lsn += 64
		n := tx/c.every*c.perTx + i
		row0, row1 := c.row(n%entities, n/entities), c.row(n%entities, n/entities+1)
		add(changeTopic(c.source), fmt.Sprintf(`{"id":%d}`, n%entities), fmt.Sprintf(`{"before":%s,"after":%s,%s,"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d},"op":"u","ts_ms":%d,"ts_us":%d,"ts_ns":%d000}`,
			row0, row1, origin(lsn, "public", "product"), tx, lsn, order+i+1, i+1, ms, us, us), c.headers())
	}
	id = fmt.Sprintf("%d:%d", tx, lsn)
	add(transactionTopic(c.source), `{"id":"`+id+`"}`, fmt.Sprintf(`{"status":"END","id":"%s","event_count":%d,"data_collections":[%s],"ts_ms":%d}`,
		id, order+changes, strings.Trim(tables+messages, ","), ms), nil)
	return records
}
