package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"dossier/test/stack/corpus"

	"github.com/twmb/franz-go/pkg/sr"
)

// fetchSchemas writes the schemas of the ids as the JSON of corpus.ReadSchemas, in the order of the ids.
func fetchSchemas(ctx context.Context, registry string, ids []int) ([]byte, error) {
	client, err := sr.NewClient(sr.URLs(registry))
	if err != nil {
		return nil, err
	}
	subjects, err := client.Subjects(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(subjects)
	of := map[int][]string{}
	for _, subject := range subjects {
		versions, err := client.SubjectVersions(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("versions of %s: %w", subject, err)
		}
		for _, v := range versions {
			s, err := client.SchemaByVersion(ctx, subject, v)
			if err != nil {
				return nil, fmt.Errorf("%s version %d: %w", subject, v, err)
			}
			of[s.ID] = append(of[s.ID], subject)
		}
	}
	var out bytes.Buffer
	out.WriteString("{\n")
	for i, id := range ids {
		s, err := client.SchemaByID(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("schema %d: %w", id, err)
		}
		if s.Type != sr.TypeAvro || len(s.References) > 0 {
			return nil, fmt.Errorf("schema %d: want Avro without references, got %v with %d", id, s.Type, len(s.References))
		}
		text, err := json.Marshal(corpus.Schema{Schema: json.RawMessage(s.Schema), Subjects: of[id]})
		if err != nil {
			return nil, fmt.Errorf("schema %d: %w", id, err)
		}
		if i > 0 {
			out.WriteString(",\n")
		}
		out.WriteString(strconv.Quote(strconv.Itoa(id)) + ": ")
		out.Write(text)
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}
