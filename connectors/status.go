package connectors

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Status is what Kafka Connect tells of a connector.
type Status struct {
	Name string `json:"name"`
	// State is RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED or RESTARTING.
	State  string `json:"state"`
	Worker string `json:"worker,omitempty"`
	Class  string `json:"class,omitempty"`
	// Trouble says in one line why the connector, rather than one of its tasks, does not run; Hint what may help.
	Trouble string `json:"trouble,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Tasks   []Task `json:"tasks"`
}

// Task is one task of a connector.
type Task struct {
	ID      int    `json:"id"`
	State   string `json:"state"`
	Worker  string `json:"worker,omitempty"`
	Trouble string `json:"trouble,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Running reports whether the connector and at least one task run, and no task does not.
func (s Status) Running() bool {
	return s.State == "RUNNING" && len(s.Tasks) > 0 && !slices.ContainsFunc(s.Tasks, func(t Task) bool { return t.State != "RUNNING" })
}

// Failed reports whether the connector or a task has given up.
func (s Status) Failed() bool {
	return s.State == "FAILED" || slices.ContainsFunc(s.Tasks, func(t Task) bool { return t.State == "FAILED" })
}

// Why says in one or two sentences what keeps the connector from running.
func (s Status) Why() string {
	if s.State == "FAILED" {
		return withHint("the connector failed: "+s.Trouble, s.Hint)
	}
	for _, task := range s.Tasks {
		if task.State == "FAILED" {
			return withHint(fmt.Sprintf("task %d failed: %s", task.ID, task.Trouble), task.Hint)
		}
	}
	if len(s.Tasks) == 0 {
		return "the connector is " + s.State + " and has no task yet"
	}
	for _, task := range s.Tasks {
		if task.State != "RUNNING" {
			return fmt.Sprintf("the connector is %s, its task %d is %s", s.State, task.ID, task.State)
		}
	}
	return "the connector is " + s.State
}

func withHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + "; " + hint
}

// remoteStatus is a status in Connect's own form.
type remoteStatus struct {
	Name      string `json:"name"`
	Connector struct {
		State  string `json:"state"`
		Worker string `json:"worker_id"`
		Trace  string `json:"trace"`
	} `json:"connector"`
	Tasks []struct {
		ID     int    `json:"id"`
		State  string `json:"state"`
		Worker string `json:"worker_id"`
		Trace  string `json:"trace"`
	} `json:"tasks"`
}

func (r remoteStatus) status() Status {
	s := Status{Name: r.Name, State: r.Connector.State, Worker: r.Connector.Worker, Trouble: trouble(r.Connector.Trace), Hint: hint(r.Connector.Trace), Tasks: []Task{}}
	for _, task := range r.Tasks {
		s.Tasks = append(s.Tasks, Task{ID: task.ID, State: task.State, Worker: task.Worker, Trouble: trouble(task.Trace), Hint: hint(task.Trace)})
	}
	return s
}

// List gives all connectors of the cluster, sorted by name.
func (c *Client) List(ctx context.Context) ([]Status, error) {
	var answer map[string]struct {
		Status remoteStatus `json:"status"`
		Info   struct {
			Config map[string]string `json:"config"`
		} `json:"info"`
	}
	if _, err := c.call(ctx, http.MethodGet, "/connectors?expand=status&expand=info", nil, &answer); err != nil {
		return nil, fmt.Errorf("list connectors: %w", err)
	}
	list := make([]Status, 0, len(answer))
	for name, item := range answer {
		s := item.Status.status()
		s.Name = cmp.Or(s.Name, name)
		s.State = cmp.Or(s.State, "UNASSIGNED") // between its creation and its start a connector has no status
		s.Class = item.Info.Config["connector.class"]
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Status gives one connector's status. A connector that is not there gives an error that says so.
func (c *Client) Status(ctx context.Context, name string) (Status, error) {
	var answer remoteStatus
	_, err := c.call(ctx, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/status", nil, &answer)
	if isNotFound(err) {
		return Status{}, fmt.Errorf("connector %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return Status{}, fmt.Errorf("status of connector %q: %w", name, err)
	}
	return answer.status(), nil
}

// trouble makes one line of a Java stack trace: what was reported, and the cause at its root.
func trouble(trace string) string {
	if trace == "" {
		return ""
	}
	first := sentence(firstLine(abridge(trace)))
	root := ""
	for line := range strings.Lines(trace) {
		if cause, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			root = sentence(firstLine(abridge(cause)))
		}
	}
	if root == "" || strings.Contains(first, root) {
		return first
	}
	return first + " (" + root + ")"
}

// abridge drops what stands in brackets where it is long: Java's rendering of an object, which hides the sentence around it.
func abridge(text string) string {
	line, rest, _ := strings.Cut(text, "\n")
	var out strings.Builder
	depth, start := 0, 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '[':
			if depth == 0 {
				out.WriteString(line[start:i])
				start = i
			}
			depth++
		case ']':
			if depth == 0 {
				continue
			}
			if depth--; depth == 0 {
				if i-start > 40 {
					out.WriteString("[…]")
				} else {
					out.WriteString(line[start : i+1])
				}
				start = i + 1
			}
		}
	}
	out.WriteString(line[start:])
	return out.String() + "\n" + rest
}

var exceptionName = regexp.MustCompile(`^(?:[a-z][\w]*\.)+([A-Z][\w$]*)(?:: )?`)

// sentence drops the package of a Java exception, and its name where a message follows.
func sentence(line string) string {
	match := exceptionName.FindStringSubmatch(line)
	if match == nil {
		return line
	}
	if rest := line[len(match[0]):]; rest != "" {
		if inner := exceptionName.FindStringSubmatch(rest); inner != nil {
			return sentence(rest)
		}
		return rest
	}
	return match[1]
}
