// Package compression names the codecs by which records are written to Kafka.
package compression

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Codec returns the codec of the setting audit.compression: none, gzip, snappy, lz4 or zstd. Any other name is an error.
func Codec(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.CompressionCodec{}, fmt.Errorf("audit.compression: %q is none of none, gzip, snappy, lz4, zstd", name)
}
