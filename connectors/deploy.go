package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrNotFound is the cause of an error about a connector that Kafka Connect does not have.
var ErrNotFound = errors.New("kafka connect has no connector of this name")

// Outcome says what became of a connector.
type Outcome string

// What [Client.Apply] did, and [Client.Plan] would do.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// Plan says what [Client.Apply] would do, and for an update, which keys would change.
func (c *Client) Plan(ctx context.Context, cfg *Config) (Outcome, []string, error) {
	var deployed map[string]string
	_, err := c.call(ctx, http.MethodGet, c.path(cfg.Name, "/config"), nil, &deployed)
	switch {
	case isNotFound(err):
		return Created, nil, nil
	case err != nil:
		return "", nil, fmt.Errorf("read connector %q: %w", cfg.Name, err)
	}
	if changed := cfg.Differences(deployed); len(changed) > 0 {
		return Updated, changed, nil
	}
	return Unchanged, nil, nil
}

// Validate lets Kafka Connect check a configuration, with the plugins it has and by connecting to the database, and gives its
// complaints as findings. A setting of a plugin that is not installed cannot be checked, and is a finding itself.
func (c *Client) Validate(ctx context.Context, cfg *Config) ([]Finding, error) {
	class, _ := cfg.Get("connector.class")
	var answer struct {
		Configs []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	_, err := c.call(ctx, http.MethodPut, "/connector-plugins/"+url.PathEscape(class)+"/config/validate", cfg.Values(), &answer)
	var response *ResponseError
	if errors.As(err, &response) && !response.transient && (response.Status < 500 || hint(response.Message) != "") {
		return []Finding{cfg.finding(Error, "connector.class", "kafka connect refuses to check %s: %s", class, withHint(firstLine(response.Message), hint(response.Message)))}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("validate connector %q: %w", cfg.Name, err)
	}
	var findings []Finding
	for _, item := range answer.Configs {
		for _, complaint := range item.Value.Errors {
			findings = append(findings, cfg.finding(Error, item.Value.Name, "kafka connect: %s", withHint(strings.TrimSuffix(oneLine(complaint), "."), hint(complaint))))
		}
	}
	sortFindings(findings)
	return findings, nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Apply makes Kafka Connect run a configuration: it creates or updates the connector, or leaves it alone when it has the same
// settings already, and waits until the connector and all its tasks have run for a moment and, where the connector has a
// heartbeat, until it has published something. A connector that has the settings and has failed is restarted, once. A nil error promises that it runs; an error says why it does not, and what may help.
// Configurations are not checked here, see [Validate].
func (c *Client) Apply(ctx context.Context, cfg *Config) (Outcome, error) {
	outcome, _, err := c.Plan(ctx, cfg)
	if err != nil {
		return "", redacted(cfg, err)
	}
	if outcome == Unchanged {
		status, err := c.Status(ctx, cfg.Name)
		if err == nil && status.Failed() {
			_, err = c.call(ctx, http.MethodPost, c.path(cfg.Name, "/restart?includeTasks=true&onlyFailed=true"), struct{}{}, nil)
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // no status yet is what Wait waits for
			return outcome, redacted(cfg, err)
		}
	} else if _, err := c.call(ctx, http.MethodPut, c.path(cfg.Name, "/config"), cfg.Values(), nil); err != nil {
		return "", redacted(cfg, refused(cfg, err))
	}
	before := ""
	if outcome != Unchanged {
		if before, err = c.offsets(ctx, cfg.Name); err != nil {
			return outcome, redacted(cfg, err)
		}
	}
	if err := c.Wait(ctx, cfg.Name); err != nil {
		return outcome, redacted(cfg, err)
	}
	if (settings{cfg: cfg, own: postgresKeys()}).hasHeartbeat() {
		err = c.waitForProgress(ctx, cfg.Name, before)
	}
	return outcome, redacted(cfg, err)
}

// offsets gives how far a connector has come, as an opaque text; it is empty where it has not begun, and where Kafka Connect
// is too old to tell (before 3.5).
func (c *Client) offsets(ctx context.Context, name string) (string, error) {
	var answer struct {
		Offsets json.RawMessage `json:"offsets"`
	}
	_, err := c.call(ctx, http.MethodGet, c.path(name, "/offsets"), nil, &answer)
	if isNotFound(err) || string(answer.Offsets) == "[]" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the offsets of connector %q: %w", name, err)
	}
	return string(answer.Offsets), nil
}

// waitForProgress waits until the offsets of a connector are others than before. A task that RUNS proves little: Debezium
// repeats what the database refuses, a table that it may not read for example, for ever, and Kafka Connect shows nothing of it.
// A heartbeat moves the offsets even where nothing changes.
func (c *Client) waitForProgress(ctx context.Context, name, before string) error {
	for {
		now, err := c.offsets(ctx, name)
		if err == nil && now != "" && now != before {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(c.poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			if status, err := c.Status(context.WithoutCancel(ctx), name); err == nil && !status.Running() {
				return fmt.Errorf("connector %q does not run: %s", name, status.Why())
			}
			return fmt.Errorf("connector %q is RUNNING and has published nothing, not even a heartbeat: the database may refuse what it asks, which Debezium repeats in silence; see what `dossier connectors validate --database` finds, and the log of the worker. A longer --timeout helps if the server is only slow", name)
		case <-timer.C:
		}
	}
}

// refused adds to Connect's refusal of a configuration what may help.
func refused(cfg *Config, err error) error {
	var response *ResponseError
	if errors.As(err, &response) {
		return fmt.Errorf("connector %q (%s): %s", cfg.Name, cfg.Path, withHint("kafka connect refuses the configuration: "+oneLine(response.Message), hint(response.Message)))
	}
	return fmt.Errorf("deploy connector %q: %w", cfg.Name, err)
}

// redacted takes the secrets of a configuration out of an error that may quote them.
func redacted(cfg *Config, err error) error {
	if err == nil {
		return nil
	}
	if text := cfg.Redact(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// Wait waits until a connector and all its tasks run and have done so for a moment. It gives up when one has failed, and when
// the context ends; its error says why the connector does not run.
func (c *Client) Wait(ctx context.Context, name string) error {
	var since, failed time.Time // running, or failed, without interruption
	last := "kafka connect tells no status"
	for {
		status, err := c.Status(ctx, name)
		switch {
		case errors.Is(err, ErrNotFound):
			since, failed = time.Time{}, time.Time{}
		case err != nil:
			if ctx.Err() != nil {
				return fmt.Errorf("connector %q does not run yet: %s", name, last)
			}
			return err
		case status.Failed():
			// A status read just after a change may still be that of before it.
			if failed.IsZero() {
				failed = time.Now()
			} else if time.Since(failed) >= c.settle {
				return fmt.Errorf("connector %q does not run: %s", name, status.Why())
			}
			since, last = time.Time{}, status.Why()
		case status.State == "PAUSED" || status.State == "STOPPED":
			return fmt.Errorf("connector %q is %s, so that it captures nothing; resume it: curl -X PUT %s%s", name, strings.ToLower(status.State), c.base.Redacted(), c.path(name, "/resume"))
		case !status.Running():
			since, failed, last = time.Time{}, time.Time{}, status.Why()
		case since.IsZero():
			since, failed, last = time.Now(), time.Time{}, "it runs, but not for long enough to be sure"
		case time.Since(since) >= c.settle:
			return nil
		}
		timer := time.NewTimer(c.poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("connector %q does not run yet: %s", name, last)
		case <-timer.C:
		}
	}
}

// Delete removes a connector and waits until it and its tasks are gone. Its replication slot and its topics stay, see [SlotRemoval].
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := c.call(ctx, http.MethodDelete, c.path(name, ""), nil, nil)
	if isNotFound(err) {
		return fmt.Errorf("connector %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("delete connector %q: %w", name, err)
	}
	for {
		// The status outlasts the connector until its tasks have ended.
		if _, err := c.Status(ctx, name); errors.Is(err, ErrNotFound) {
			return nil
		} else if err != nil {
			return fmt.Errorf("delete connector %q: %w", name, err)
		}
		timer := time.NewTimer(c.poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("delete connector %q: kafka connect took the request, and its tasks have not ended yet", name)
		case <-timer.C:
		}
	}
}

// Deployed gives the settings that a connector runs with. They may hold secrets.
func (c *Client) Deployed(ctx context.Context, name string) (map[string]string, error) {
	var settings map[string]string
	_, err := c.call(ctx, http.MethodGet, c.path(name, "/config"), nil, &settings)
	if isNotFound(err) {
		return nil, fmt.Errorf("connector %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read connector %q: %w", name, err)
	}
	return settings, nil
}

// SlotRemoval is the SQL that drops the replication slot that a connector with these settings leaves behind; it is empty for
// a connector that has none.
func SlotRemoval(settings map[string]string) string {
	if class := settings["connector.class"]; !strings.Contains(class, "Postgres") || settings["slot.drop.on.stop"] == "true" {
		return ""
	}
	slot := settings["slot.name"]
	if slot == "" {
		slot = postgresKeys()["slot.name"].Default
	}
	return fmt.Sprintf("SELECT pg_drop_replication_slot('%s');", strings.ReplaceAll(slot, "'", "''"))
}

func (c *Client) path(name, rest string) string {
	return "/connectors/" + url.PathEscape(name) + rest
}
