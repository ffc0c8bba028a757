package query

import (
	"testing"
	"time"
)

// TestDiffPointNames: a name that ends like an edition can be told from one with an edition.
func TestDiffPointNames(t *testing.T) {
	for text, want := range map[string]point{
		`version:survey`:                {version: "survey"},
		`version:survey@2`:              {version: "survey", edition: "2"},
		`version:survey@2026@2`:         {version: "survey@2026", edition: "2"},
		`version:survey@home`:           {version: "survey@home"},
		`version:"survey@2026"`:         {version: "survey@2026"},
		`version:"survey@2026"@2`:       {version: "survey@2026", edition: "2"},
		`version:"survey@2026"@changes`: {version: "survey@2026", edition: "changes"},
		`version:"the "best" of it"`:    {version: `the "best" of it`},
		`version:"`:                     {version: `"`},
		`version:""`:                    {version: `""`},
		`version:"a" and b`:             {version: `"a" and b`},
		`version:survey "late"@2`:       {version: `survey "late"`, edition: "2"},
	} {
		want.parameter = "a"
		if got, err := diffPoint("a", text, time.Time{}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
}
