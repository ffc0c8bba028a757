package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"dossier/internal/dlq"
)

func newDLQShowCommand() *cobra.Command {
	var encoding string
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "show ID...",
		Short: "Show dead letters whole: reason, origin, headers, original bytes",
		Long: `Shows dead letters whole: reason, origin, headers and original bytes. The bytes may hold what the audit trail masks.

--encoding auto shows text as it is, with control characters escaped, and what is no UTF-8 as a hex dump.
With --json, one object a line, in which key and value are base64.`,
		Example: `  dossier dlq show 0/17
  dossier dlq show 0/17 --json | jq -r .value | base64 -d`,
		Args: misusedArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := encodeBytes(nil, encoding); err != nil {
				return err
			}
			if _, err := parseIDs(args); err != nil {
				return err
			}
			topic, c, err := openDeadLetters(cmd)
			if err != nil {
				return err
			}
			defer topic.Close()
			ctx, cancel := contextWithTimeout(cmd, timeout)
			defer cancel()
			extent, err := topic.Extent(ctx)
			if err != nil {
				return unreachable(err, "kafka", c.Kafka.Brokers)
			}
			replayed, err := topic.Replayed(ctx, extent)
			if err != nil {
				return unreachable(err, "kafka", c.Kafka.Brokers)
			}
			for i, arg := range args {
				id, _ := dlq.ParseID(arg) // checked above
				e, err := topic.Get(ctx, id)
				if err != nil {
					return unreachable(err, "kafka", c.Kafka.Brokers)
				}
				if asJSON {
					err = printRowJSON(cmd.OutOrStdout(), e, replayed)
				} else {
					if i > 0 {
						fmt.Fprintln(cmd.OutOrStdout())
					}
					err = printLetter(cmd.OutOrStdout(), e, replayed, encoding)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&encoding, "encoding", "auto", "how to show key and value: auto, utf8, hex or base64")
	completeFlag(cmd, "encoding", "auto", "utf8", "hex", "base64")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to read")
	return cmd
}

// wholeLetter is a letter as show prints it in JSON.
type wholeLetter struct {
	letterRow
	Headers []wholeHeader `json:"headers"`
	Key     []byte        `json:"key"`   // base64; null is null
	Value   []byte        `json:"value"` // base64; null is a tombstone
}

type wholeHeader struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

func printRowJSON(w io.Writer, e *dlq.Entry, replayed map[dlq.ID]time.Time) error {
	whole := wholeLetter{letterRow: rowOf(e, replayed), Headers: []wholeHeader{}, Key: e.Letter.Original.Key, Value: e.Letter.Original.Value}
	for _, h := range e.Letter.Original.Headers {
		whole.Headers = append(whole.Headers, wholeHeader{h.Key, h.Value})
	}
	return printJSONLine(w, whole)
}

func printLetter(w io.Writer, e *dlq.Entry, replayed map[dlq.ID]time.Time, encoding string) error {
	row := rowOf(e, replayed)
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-10s %s\n", name, value) }
	line("id", row.ID)
	line("at", row.At.UTC().Format(time.RFC3339Nano))
	line("stage", printable(row.Stage))
	line("reason", printable(row.Reason))
	line("detail", printable(row.Detail))
	line("origin", fmt.Sprintf("%s/%d/%d", printable(row.Topic), row.Partition, row.Offset))
	line("timestamp", row.Timestamp.UTC().Format(time.RFC3339Nano))
	if row.Replayed != nil {
		line("replayed", row.Replayed.UTC().Format(time.RFC3339Nano))
	} else {
		line("replayed", "no")
	}
	for _, h := range e.Letter.Original.Headers {
		how := encoding
		if how == "auto" && !utf8.Valid(h.Value) {
			how = "hex" // a dump takes lines
		}
		value, err := encodeBytes(h.Value, how)
		if err != nil {
			return err
		}
		line("header", printable(h.Key)+" = "+value)
	}
	for _, part := range []struct {
		name  string
		bytes []byte
	}{{"key", e.Letter.Original.Key}, {"value", e.Letter.Original.Value}} {
		text, err := encodeBytes(part.bytes, encoding)
		if err != nil {
			return err
		}
		if part.bytes == nil {
			line(part.name, "null")
			continue
		}
		fmt.Fprintf(&b, "%s, %s:\n%s\n", part.name, count(len(part.bytes), "byte"), strings.TrimSuffix(text, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// encodeBytes returns bytes as text that no terminal takes for commands.
func encodeBytes(b []byte, encoding string) (string, error) {
	switch encoding {
	case "auto":
		if !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
			return hex.Dump(b), nil
		}
		return printable(string(b)), nil
	case "utf8":
		return printable(strings.ToValidUTF8(string(b), "\uFFFD")), nil
	case "hex":
		return hex.EncodeToString(b), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(b), nil
	}
	return "", misuse("--encoding: expected auto, utf8, hex or base64, got %q", encoding)
}

// printable escapes what a terminal would act upon, line ends within tables included.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := fmt.Sprintf("%+q", string(r))
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
