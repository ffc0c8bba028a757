package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"dossier/test/stack"
)

// Parts of the schemas that Debezium registers for PostgreSQL.
const (
	avroSource = `{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[` +
		`{"name":"version","type":"string"},{"name":"connector","type":"string"},{"name":"name","type":"string"},{"name":"ts_ms","type":"long"},` +
		`{"name":"snapshot","type":[{"type":"string","connect.version":1,"connect.parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},` +
		`{"name":"db","type":"string"},{"name":"sequence","type":["null","string"],"default":null},{"name":"ts_us","type":["null","long"],"default":null},{"name":"ts_ns","type":["null","long"],"default":null},` +
		`{"name":"schema","type":"string"},{"name":"table","type":"string"},{"name":"txId","type":["null","long"],"default":null},{"name":"lsn","type":["null","long"],"default":null},{"name":"xmin","type":["null","long"],"default":null}],` +
		`"connect.version":1,"connect.name":"io.debezium.connector.postgresql.Source"}`
	avroBlock = `["null",{"type":"record","name":"block","namespace":"event","fields":[{"name":"id","type":"string"},{"name":"total_order","type":"long"},{"name":"data_collection_order","type":"long"}],` +
		`"connect.version":1,"connect.name":"event.block"}]`
	avroTransactionKey = `{"type":"record","name":"TransactionMetadataKey","namespace":"io.debezium.connector.common","fields":[{"name":"id","type":"string"}],` +
		`"connect.version":1,"connect.name":"io.debezium.connector.common.TransactionMetadataKey"}`
	avroTransaction = `{"type":"record","name":"TransactionMetadataValue","namespace":"io.debezium.connector.common","fields":[{"name":"status","type":"string"},{"name":"id","type":"string"},` +
		`{"name":"event_count","type":["null","long"],"default":null},{"name":"data_collections","type":["null",{"type":"array","items":["null",{"type":"record","name":"collection","namespace":"event","fields":[` +
		`{"name":"data_collection","type":"string"},{"name":"event_count","type":"long"}],"connect.version":1,"connect.name":"event.collection"}]}],"default":null},{"name":"ts_ms","type":"long"}],` +
		`"connect.version":1,"connect.name":"io.debezium.connector.common.TransactionMetadataValue"}`
	avroMessageKey = `{"type":"record","name":"MessageKey","namespace":"io.debezium.connector.postgresql","fields":[{"name":"prefix","type":["null","string"],"default":null}],` +
		`"connect.version":1,"connect.name":"io.debezium.connector.postgresql.MessageKey"}`
)

// avroMessage is the schema of logical messages. Its namespace is that of the source within, which therefore does not name it.
func avroMessage() string {
	return `{"type":"record","name":"MessageValue","namespace":"io.debezium.connector.postgresql","fields":[{"name":"op","type":"string"},{"name":"ts_ms","type":["null","long"],"default":null},` +
		`{"name":"source","type":` + strings.Replace(avroSource, `"namespace":"io.debezium.connector.postgresql",`, "", 1) + `},{"name":"transaction","type":` + avroBlock + `,"default":null},` +
		`{"name":"message","type":{"type":"record","name":"Message","fields":[{"name":"prefix","type":["null","string"],"default":null},{"name":"content","type":["null","bytes"],"default":null}],` +
		`"connect.version":1,"connect.name":"io.debezium.connector.postgresql.Message"}}],"connect.version":1,"connect.name":"io.debezium.connector.postgresql.MessageValue"}`
}

// avroType is the type of a column that is not null.
func (k kind) avroType() string {
	named := func(name string) string {
		return `{"type":"string","connect.version":1,"connect.name":"` + name + `"}`
	}
	decimal := func(precision, scale int) string {
		return fmt.Sprintf(`{"type":"bytes","scale":%[2]d,"precision":%[1]d,"connect.version":1,"connect.parameters":{"scale":"%[2]d","connect.decimal.precision":"%[1]d"},`+
			`"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}`, precision, scale)
	}
	switch k {
	case kindInteger:
		return `"int"`
	case kindPrice:
		return decimal(10, 2)
	case kindDecimal:
		return decimal(12, 4)
	case kindBoolean:
		return `"boolean"`
	case kindInstant:
		return named("io.debezium.time.ZonedTimestamp")
	case kindJSON:
		return named("io.debezium.data.Json")
	}
	return `"string"`
}

// avroChangeKey and avroChange are the schemas of the table.
func (c corpus) avroChangeKey() string {
	table := changeTopic(c.source)
	return fmt.Sprintf(`{"type":"record","name":"Key","namespace":"%[1]s","fields":[{"name":"id","type":"int"}],"connect.name":"%[1]s.Key"}`, table)
}

func (c corpus) avroChange() string {
	var fields []string
	for _, col := range c.columns {
		if col.required {
			fields = append(fields, fmt.Sprintf(`{"name":"%s","type":%s}`, col.name, col.kind.avroType()))
		} else {
			fields = append(fields, fmt.Sprintf(`{"name":"%s","type":["null",%s],"default":null}`, col.name, col.kind.avroType()))
		}
	}
	return fmt.Sprintf(`{"type":"record","name":"Envelope","namespace":"%[1]s","fields":[{"name":"before","type":["null",{"type":"record","name":"Value","fields":[%[2]s],"connect.name":"%[1]s.Value"}],"default":null},`+
		`{"name":"after","type":["null","Value"],"default":null},{"name":"source","type":%[3]s},{"name":"transaction","type":%[4]s,"default":null},{"name":"op","type":"string"},`+
		`{"name":"ts_ms","type":["null","long"],"default":null},{"name":"ts_us","type":["null","long"],"default":null},{"name":"ts_ns","type":["null","long"],"default":null}],`+
		`"connect.version":2,"connect.name":"%[1]s.Envelope"}`, changeTopic(c.source), strings.Join(fields, ","), avroSource, avroBlock)
}

// registryClient returns a client of the servers' schema registry.
func registryClient(servers *stack.Stack) (*sr.Client, error) {
	return sr.NewClient(sr.URLs(servers.RegistryURL()))
}

// register makes sure that the registry has the schemas of a corpus, and returns the corpus with their ids.
func (c corpus) register(ctx context.Context, client *sr.Client) (corpus, error) {
	for _, s := range []struct {
		id            *int
		subject, text string
	}{
		{&c.ids.transactionKey, transactionTopic(c.source) + "-key", avroTransactionKey},
		{&c.ids.transaction, transactionTopic(c.source) + "-value", avroTransaction},
		{&c.ids.messageKey, messageTopic(c.source) + "-key", avroMessageKey},
		{&c.ids.message, messageTopic(c.source) + "-value", avroMessage()},
		{&c.ids.changeKey, changeTopic(c.source) + "-key", c.avroChangeKey()},
		{&c.ids.change, changeTopic(c.source) + "-value", c.avroChange()},
	} {
		got, err := client.CreateSchema(ctx, s.subject, sr.Schema{Schema: s.text, Type: sr.TypeAvro})
		if err != nil {
			return c, fmt.Errorf("register the schema of %s: %w", s.subject, err)
		}
		*s.id = got.ID
	}
	return c, nil
}
