package telemetry

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLog returns a log that writes one JSON object a line to w. Of equal messages within a second it writes the first hundred,
// then each hundredth: what happens once a record must not drown the rest, and metrics count it all. level is debug,
// info, warn or error.
func NewLog(w io.Writer, level string) (*zap.Logger, error) {
	var enabled zapcore.Level
	if err := enabled.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: expected debug, info, warn or error", level)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.TimeKey, encoding.MessageKey = "time", "message"
	encoding.EncodeTime = func(t time.Time, e zapcore.PrimitiveArrayEncoder) { e.AppendString(t.UTC().Format(time.RFC3339Nano)) }
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoding), zapcore.Lock(zapcore.AddSync(w)), enabled)
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Second, 100, 100)), nil
}
