package schema

import (
	"context"
)

type avroPlans struct{}

func (d *Decoder) avroEnvelope(ctx context.Context, data []byte, e *envelope) error {
	return decodeErrorf(ReasonNotAvro, "avro not here yet")
}
func (d *Decoder) avroBoundary(ctx context.Context, data []byte, t *TransactionBoundary, b *boundary) error {
	return decodeErrorf(ReasonNotAvro, "avro not here yet")
}
func (d *Decoder) avroKey(ctx context.Context, data []byte, spare Row, c *Change) (Row, error) {
	return nil, decodeErrorf(ReasonNotAvro, "avro not here yet")
}
