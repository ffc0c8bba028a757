package compression

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestCodec(t *testing.T) {
	for name, want := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		if got, err := Codec(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "LZ4", "brotli"} {
		if _, err := Codec(name); err == nil {
			t.Errorf("%q is taken for a codec", name)
		}
	}
}
