package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// RegisterAudit makes sure that the audit event's Avro schema stands under subject (the audit topic's name and "-value"), and returns
// its id for the wire header. It can be repeated: a schema that stands there already keeps its id.
//
// Consumers rely on the registry to refuse a schema that would break them. So the subject's compatibility must be BACKWARD or
// stricter: it is set to BACKWARD where the subject is new or has no level of its own; a level that checks less is an error that says
// what to change, because somebody chose it, or made the subject before. A schema that is incompatible with the registered ones is an error with the registry's reasons. A
// registry that does not answer gives an error that wraps ErrRegistryUnavailable.
func RegisterAudit(ctx context.Context, client *sr.Client, subject string) (id int, err error) {
	schema := sr.Schema{Schema: AuditAvroSchema, Type: sr.TypeAvro}
	if err := requireBackward(ctx, client, subject); err != nil {
		return 0, err
	}
	if err := requireCompatible(ctx, client, subject, schema); err != nil {
		return 0, err
	}
	const chosenByRegistry = -1 // id and version
	id, err = client.RegisterSchema(ctx, subject, schema, chosenByRegistry, chosenByRegistry)
	if err != nil {
		return 0, registryError("register the audit event's schema under subject "+subject, err)
	}
	return id, nil
}

func requireBackward(ctx context.Context, client *sr.Client, subject string) error {
	current := client.Compatibility(ctx, subject)[0]
	switch {
	case current.Err != nil && !isNotFound(current.Err):
		return registryError("read the compatibility level of subject "+subject, current.Err)
	case current.Err != nil:
		set := client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatBackward}, subject)[0]
		if set.Err != nil {
			return registryError("set the compatibility level of subject "+subject+" to BACKWARD", set.Err)
		}
		return nil
	}
	switch current.Level {
	case sr.CompatBackward, sr.CompatBackwardTransitive, sr.CompatFull, sr.CompatFullTransitive:
		return nil
	}
	return fmt.Errorf("schema registry: subject %s has compatibility level %s, under which a schema that breaks consumers would pass: "+
		"set it to BACKWARD (PUT /config/%s with {\"compatibility\":\"BACKWARD\"})", subject, current.Level, subject)
}

func requireCompatible(ctx context.Context, client *sr.Client, subject string, schema sr.Schema) error {
	const latest = -1
	result, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, latest, schema)
	if isNotFound(err) {
		return nil // the first version
	}
	if err != nil {
		return registryError("check the audit event's schema against subject "+subject, err)
	}
	if !result.Is {
		reasons := strings.Join(result.Messages, "; ")
		if reasons == "" {
			reasons = "the registry gives no reason"
		}
		return fmt.Errorf("schema registry: the audit event's schema is incompatible with the one registered under subject %s (%s): "+
			"the subject holds another application's schema or one of a later release; use another audit topic, or upgrade this program", subject, reasons)
	}
	return nil
}

// isNotFound says whether the registry knows no such subject, version or level. Registries agree on the status, less on the code.
func isNotFound(err error) bool {
	var response *sr.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

// registryError tells a registry that is down, overloaded or answers with no registry's answer from one that refuses.
func registryError(what string, err error) error {
	var response *sr.ResponseError
	if errors.As(err, &response) && response.StatusCode < http.StatusInternalServerError && response.StatusCode != http.StatusTooManyRequests &&
		response.StatusCode != http.StatusRequestTimeout {
		return fmt.Errorf("schema registry: %s: %w", what, err)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("schema registry: %s: %w", what, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRegistryUnavailable, what, err)
}
