package dlq

import (
	"path"
	"time"
)

// Filter chooses letters. Its zero value takes all.
type Filter struct {
	Stage, Reason string
	Topic         string    // the original's, where * stands for any text
	Since         time.Time // letters written then or later
	IDs           map[ID]bool
}

// Matches says whether a letter is chosen. What is no letter matches only by its id and its time.
func (f Filter) Matches(e *Entry) bool {
	l := &e.Letter
	if f.Topic != "" && f.Topic != l.Original.Topic {
		if ok, err := path.Match(f.Topic, l.Original.Topic); err != nil || !ok {
			return false
		}
	}
	return (f.Stage == "" || f.Stage == l.Stage) && (f.Reason == "" || f.Reason == l.Reason) && !l.At.Before(f.Since) &&
		(len(f.IDs) == 0 || f.IDs[e.ID])
}
