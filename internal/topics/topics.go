// Package topics makes the Kafka topics that Dossier works with, and tells where one that is there already differs from
// what Dossier relies on.
//
// It deletes nothing, and changes nothing that is there unless told to. It never changes a number of partitions: a key's
// records would go to another one, and their order would be lost.
package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Topic is a topic as it should be.
type Topic struct {
	Name    string
	Purpose string // for people
	// Partitions of a topic that is made. With Fixed, one that is there must have as many.
	Partitions int32
	Fixed      bool
	// ReplicationFactor of a topic that is made; 0: the brokers' default.
	ReplicationFactor int16
	// Initial settings of a topic that is made; one that is there may have others.
	Initial map[string]string
	// Settings it must have, by Kafka's names.
	Settings map[string]string
	// AtLeast are settings, numbers, of which more is as good.
	AtLeast map[string]int64
}

// State is what is found of a topic, or done about it.
type State string

// The states of a topic.
const (
	Agrees  State = "agrees"  // is there as it should be
	Missing State = "missing" // not there
	Created State = "created"
	Differs State = "differs" // is there, otherwise than it should be
	Altered State = "altered" // made as it should be
)

// Report is what is known of one topic.
type Report struct {
	Name        string       `json:"topic"`
	Purpose     string       `json:"purpose"`
	State       State        `json:"state"`
	Partitions  int32        `json:"partitions"`
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is one setting of a topic that is not as it should be.
type Difference struct {
	Setting  string `json:"setting"`
	Current  string `json:"current"`
	Expected string `json:"expected"`
}

// String says what is and what should be.
func (d Difference) String() string {
	return fmt.Sprintf("%s is %s, expected %s", d.Setting, d.Current, d.Expected)
}

// Check compares the topics with what the brokers have. It changes nothing.
func Check(ctx context.Context, admin *kadm.Client, wanted []Topic) ([]Report, error) {
	names := make([]string, len(wanted))
	for i, t := range wanted {
		names[i] = t.Name
	}
	details, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	reports := make([]Report, len(wanted))
	var there []string
	for i, t := range wanted {
		reports[i] = Report{Name: t.Name, Purpose: t.Purpose, State: Missing, Partitions: t.Partitions}
		d, ok := details[t.Name]
		switch {
		case !ok, errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		case d.Err != nil:
			return nil, fmt.Errorf("topic %s: %w", t.Name, d.Err)
		default:
			reports[i].State, reports[i].Partitions = Agrees, int32(len(d.Partitions))
			there = append(there, t.Name)
		}
	}
	if len(there) == 0 {
		return reports, nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, there...)
	if err != nil {
		return nil, fmt.Errorf("settings of topics: %w", err)
	}
	for i, t := range wanted {
		if reports[i].State == Missing {
			continue
		}
		found, err := configs.On(t.Name, nil)
		if err := errors.Join(err, found.Err); err != nil {
			return nil, fmt.Errorf("settings of topic %s: %w", t.Name, err)
		}
		settings := map[string]string{}
		for _, c := range found.Configs {
			settings[c.Key] = c.MaybeValue()
		}
		if reports[i].Differences = t.differences(reports[i].Partitions, settings); len(reports[i].Differences) > 0 {
			reports[i].State = Differs
		}
	}
	return reports, nil
}

const partitionSetting = "partitions"

// differences compares what is there with what should be, in a fixed order.
func (t Topic) differences(partitions int32, settings map[string]string) []Difference {
	var list []Difference
	if t.Fixed && partitions != t.Partitions {
		list = append(list, Difference{partitionSetting, strconv.Itoa(int(partitions)), strconv.Itoa(int(t.Partitions))})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
		if current := settings[name]; !sameSetting(current, t.Settings[name]) {
			list = append(list, Difference{name, current, t.Settings[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.AtLeast)) {
		n, err := strconv.ParseInt(settings[name], 10, 64)
		if err != nil || n < t.AtLeast[name] && n != -1 { // -1 is Kafka's word for no limit
			list = append(list, Difference{name, settings[name], "at least " + strconv.FormatInt(t.AtLeast[name], 10)})
		}
	}
	return list
}

// sameSetting compares lists such as compact,delete without regard to their order.
func sameSetting(a, b string) bool {
	if a == b {
		return true
	}
	return slices.Equal(sortedList(a), sortedList(b))
}

// Apply makes what is missing and, with alter, changes settings that differ; numbers of partitions stay. It returns the reports as
// they are afterwards. It stops at the first error: applied again, it goes on from there.
func Apply(ctx context.Context, admin *kadm.Client, wanted []Topic, alter bool) ([]Report, error) {
	reports, err := Check(ctx, admin, wanted)
	if err != nil {
		return nil, err
	}
	for i, t := range wanted {
		switch {
		case reports[i].State == Missing:
			if err := t.create(ctx, admin); err != nil {
				return reports, err
			}
			reports[i].State = Created
		case reports[i].State == Differs && alter:
			rest, err := t.alter(ctx, admin, reports[i].Differences)
			if err != nil {
				return reports, err
			}
			if reports[i].Differences = rest; len(rest) == 0 {
				reports[i].State = Altered
			}
		}
	}
	return reports, nil
}

func (t Topic) create(ctx context.Context, admin *kadm.Client) error {
	replication := t.ReplicationFactor
	if replication == 0 {
		replication = -1
	}
	settings := map[string]*string{}
	for name, value := range t.Settings {
		settings[name] = kadm.StringPtr(value)
	}
	for name, value := range t.AtLeast {
		settings[name] = kadm.StringPtr(strconv.FormatInt(value, 10))
	}
	for name, value := range t.Initial {
		settings[name] = kadm.StringPtr(value)
	}
	made, err := admin.CreateTopic(ctx, t.Partitions, replication, settings, t.Name)
	if err := errors.Join(err, made.Err); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		if made.ErrMessage != "" {
			return fmt.Errorf("creating topic %s: %w: %s", t.Name, err, made.ErrMessage)
		}
		return fmt.Errorf("creating topic %s: %w", t.Name, err)
	}
	return nil
}

// alter changes the settings named and returns the differences that remain.
func (t Topic) alter(ctx context.Context, admin *kadm.Client, differences []Difference) (rest []Difference, err error) {
	var changes []kadm.AlterConfig
	for _, d := range differences {
		switch value, ok := t.Settings[d.Setting]; {
		case d.Setting == partitionSetting:
			rest = append(rest, d)
		case ok:
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: d.Setting, Value: kadm.StringPtr(value)})
		default:
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: d.Setting, Value: kadm.StringPtr(strconv.FormatInt(t.AtLeast[d.Setting], 10))})
		}
	}
	if len(changes) == 0 {
		return rest, nil
	}
	answers, err := admin.AlterTopicConfigs(ctx, changes, t.Name)
	if err != nil {
		return nil, fmt.Errorf("changing topic %s: %w", t.Name, err)
	}
	answer, err := answers.On(t.Name, nil)
	if err := errors.Join(err, answer.Err); err != nil {
		return nil, fmt.Errorf("changing topic %s: %w", t.Name, err)
	}
	return rest, nil
}

func sortedList(text string) []string {
	return slices.Sorted(strings.SplitSeq(text, ","))
}
