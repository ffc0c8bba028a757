package schema

import "context"

// headerKey reads the key in a header __debezium.newkey or __debezium.oldkey.
func (d *Decoder) headerKey(ctx context.Context, topic *topicState, data []byte, c *Change) (Row, error) {
	return d.key(ctx, topic, data, nil, c)
}
