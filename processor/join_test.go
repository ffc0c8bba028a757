package processor

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dossier/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files with what came out")

// Each file in testdata/join is a story: what was read from the context streams, up to which time, and what a change's
// context then is. Times are milliseconds. The lines after "=>" are what came out.
func TestJoin(t *testing.T) {
	files, err := filepath.Glob("testdata/join/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			story, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(story))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(story) {
				t.Errorf("got:\n%s", diffLines(string(story), got))
			}
		})
	}
}

// tell plays the story and returns it with the outcomes as they are.
func tell(t *testing.T, story string) string {
	var out strings.Builder
	w := NewWindow(1000, 1<<20)
	j := Joiner{Window: w}
	policy := Policy{Grace: 5000, Lookback: 900_000}
	readPast := int64(never)
	var facts Facts
	var known *schema.EventContext
	for _, line := range strings.Split(strings.TrimRight(story, "\n"), "\n") {
		if strings.HasPrefix(line, "=> ") {
			continue
		}
		out.WriteString(line + "\n")
		words, payload, _ := strings.Cut(line, "{")
		fields := strings.Fields(words)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if payload != "" {
			payload = "{" + payload
		}
		arg := func(name string) int64 {
			for _, f := range fields[1:] {
				if value, ok := strings.CutPrefix(f, name+"="); ok {
					n, err := strconv.ParseInt(value, 10, 64)
					if err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					return n
				}
			}
			return 0
		}
		entry := ContextEntry{Time: arg("at"), LSN: uint64(arg("lsn")), Order: uint64(arg("order"))}
		if payload != "" {
			c, err := schema.ParseContext([]byte(payload))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			entry.Payload = packContext(nil, &c)
		}
		source, tx := uint16(arg("source")), uint64(arg("tx"))
		switch fields[0] {
		case "topic-route":
			policy.Topic = true
		case "message":
			w.AddMessage(source, tx, entry)
		case "row":
			w.AddRow(source, tx, entry)
		case "topic":
			rec := schema.Record{Value: []byte(payload)}
			for _, f := range fields[1:] {
				if key, ok := strings.CutPrefix(f, "key="); ok {
					rec.Key = []byte(key)
				}
			}
			key, c, err := topicContext(&rec, []*sourceState{{}})
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			entry.Payload = packContext(topicPayload(key.CorrelationID), &c)
			w.AddTopic(key, entry)
		case "begin":
			w.AddBegin(source, tx, entry.Time)
		case "end": // of a transaction that began once, unless the story has its begins
			if !strings.Contains(story, fmt.Sprintf("begin tx=%d ", tx)) {
				w.AddBegin(source, tx, entry.Time)
			}
			w.AddEnd(source, tx, End{Time: arg("at"), Messages: int(arg("messages")), Rows: int(arg("rows"))})
		case "read-past":
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			readPast = n
		case "change":
			facts = Facts{Source: source, TxID: tx, HasTx: tx != 0, LSN: entry.LSN, Order: entry.Order, RecordTime: entry.Time, CommitTime: entry.Time}
			if committed := arg("committed"); committed != 0 {
				facts.CommitTime = committed
			}
			if payload != "" {
				columns, err := schema.ParseContext([]byte(payload))
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				facts.Columns = &columns
			}
			j.Policy = policy
			d := j.Decide(&facts, readPast)
			known = d.Context()
			if !d.Decided {
				fmt.Fprintf(&out, "=> waits until read past %d\n", d.WaitFor)
				continue
			}
			out.WriteString("=> " + describe(known))
			if d.Open {
				out.WriteString(" (open)")
			}
			out.WriteString("\n")
		case "late":
			context, waitFor := j.DecideLate(&facts, known, readPast)
			switch {
			case context != nil:
				out.WriteString("=> " + describe(context) + "\n")
			case waitFor != 0:
				fmt.Fprintf(&out, "=> waits until read past %d\n", waitFor)
			default:
				out.WriteString("=> nothing\n")
			}
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return out.String()
}

func describe(c *schema.EventContext) string { return string(c.AppendJSON(nil)) }

func diffLines(want, got string) string {
	var b bytes.Buffer
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, c string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			c = g[i]
		}
		if a != c {
			fmt.Fprintf(&b, "line %d\n- %.2000s\n+ %.2000s\n", i+1, a, c)
		}
	}
	return b.String()
}
