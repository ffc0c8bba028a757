package elastic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// apiError is an error that Elasticsearch answers, for a request or one item of it.
type apiError struct {
	Status int
	Type   string `json:"type"`
	Reason string `json:"reason"`
	// Durability is "PERMANENT" where the same again would take too much memory again.
	Durability string `json:"durability"`
	// What was wrong on the shards, and why.
	RootCause    []apiError `json:"root_cause"`
	CausedBy     *apiError  `json:"caused_by"`
	FailedShards []struct {
		Reason *apiError `json:"reason"`
	} `json:"failed_shards"`
	RetryAfter time.Duration // as the answer's header says; 0 where it does not
	challenges []string      // likewise, how it wants to be told who asks
}

// Challenges are the values of WWW-Authenticate that came with the answer: for whoever asked, in the store's own words.
func (e *apiError) Challenges() []string { return e.challenges }

// Error names what Elasticsearch says, without the values that it quotes.
func (e *apiError) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("elasticsearch answers %d", e.Status)
	}
	reason := e.Reason
	for _, quoting := range []string{"Preview of field's value", "The prefix of the first immense term"} {
		if i := strings.Index(reason, quoting); i >= 0 {
			reason = strings.TrimRight(reason[:i], " ")
		}
	}
	if len(reason) > 500 {
		reason = strings.ToValidUTF8(reason[:500], "") + "…"
	}
	return fmt.Sprintf("elasticsearch answers %d %s: %s", e.Status, e.Type, reason)
}

// verdict is what an error means for what was sent.
type verdict uint8

const (
	// waits: not the document's fault; the same again later.
	waits verdict = iota
	// exists: something stands under this identity already.
	exists
	// rejects: this document will never be taken.
	rejects
	// drifted: the index is not laid out as this release writes.
	drifted
)

// waitingTypes are errors with status 400 that are not the document's fault.
var waitingTypes = map[string]bool{
	"index_closed_exception":            true,
	"resource_already_exists_exception": true, // two writers create the month's index at once
	"validation_exception":              true, // the cluster holds as many shards as it may
	"process_cluster_event_timeout":     true,
	"no_shard_available_action":         true,
}

// judge says what an item's error means.
func judge(e *apiError) verdict {
	switch {
	case e.Status == 409:
		return exists
	case e.Type == "strict_dynamic_mapping_exception":
		return drifted
	case e.Status == 413:
		return rejects
	case e.Status == 400 && !waitingTypes[e.Type]:
		return rejects
	}
	// 401 and 403: rights or a block that somebody will lift. 404: an index that may not be created now. 429: overload, or a full
	// disk. 5xx: down.
	return waits
}

// code is a short stable name for a fault, for metrics.
func code(err error) string {
	var api *apiError
	switch {
	case errors.As(err, &api) && api.Type != "":
		return api.Type
	case errors.As(err, &api):
		return fmt.Sprintf("status_%d", api.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "unreachable"
}
