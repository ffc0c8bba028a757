package record

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strings"
)

//go:embed workload/*.sql
var workload embed.FS

// scenario is one file of the workload.
type scenario struct {
	name  string
	steps []step
}

// step is one statement, or one directive.
type step struct {
	line int
	sql  string // empty for a directive
	verb string // session, quiet, heartbeat, slow, crash
	arg  string
}

var (
	scenarioName = regexp.MustCompile(`^\d+-(.+)\.sql$`)
	directive    = regexp.MustCompile(`^-- (session|quiet|heartbeat|slow|crash)(?:: (\S+))?$`)
)

// scenarios reads the workload, in the order of its files' numbers.
func scenarios() ([]scenario, error) {
	files, err := workload.ReadDir("workload")
	if err != nil {
		return nil, err
	}
	var out []scenario
	for _, f := range files {
		m := scenarioName.FindStringSubmatch(f.Name())
		if m == nil {
			return nil, fmt.Errorf("workload/%s: want a name like 07-message.sql", f.Name())
		}
		text, err := workload.ReadFile(path.Join("workload", f.Name()))
		if err != nil {
			return nil, err
		}
		steps, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("workload/%s:%w", f.Name(), err)
		}
		out = append(out, scenario{name: m[1], steps: steps})
	}
	return out, nil
}

// parse splits a script into statements, each of which ends with a semicolon at the end of a line, and directives, which are
// comments of their own form:
//
//	-- session: NAME   the statements that follow run in the session of that name
//	-- quiet           waits until no connector has written anything for a while
//	-- heartbeat       lets the connectors send heartbeats until each has sent some
//	-- slow            lets the connectors deliver in small batches from here on
//	-- crash           waits until each connector has delivered something, kills Connect, starts it again, and ends slow
func parse(text string) ([]step, error) {
	var steps []step
	var sql strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if sql.Len() == 0 {
			if m := directive.FindStringSubmatch(line); m != nil {
				steps = append(steps, step{line: i + 1, verb: m[1], arg: m[2]})
				continue
			}
			if line == "" || strings.HasPrefix(line, "--") {
				continue
			}
		}
		sql.WriteString(line)
		if strings.HasSuffix(line, ";") {
			steps = append(steps, step{line: i + 1, sql: sql.String()})
			sql.Reset()
		} else {
			sql.WriteByte('\n')
		}
	}
	if sql.Len() > 0 {
		return nil, fmt.Errorf("the last statement does not end with a semicolon: %.60q", sql.String())
	}
	return steps, nil
}
