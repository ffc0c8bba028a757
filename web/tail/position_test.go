package tail

import (
	"strings"
	"testing"
)

func TestPositions(t *testing.T) {
	for _, good := range []string{"0:0", "0:15,1:7", "3:9223372036854775807"} {
		if p, err := ParsePosition(good); err != nil || p.String() != good {
			t.Errorf("%s: %v, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", "0", "0:", ":1", "0:-1", "-1:0", "0:1,", "0:1,0:2", "a:1", "0:9223372036854775808", "4294967296:1", "0:1;1:2", strings.Repeat("0:1,", 9999)} {
		if p, err := ParsePosition(bad); err == nil {
			t.Errorf("%.20q: %v", bad, p)
		} else if len(err.Error()) > 200 {
			t.Errorf("the error repeats all of the input")
		}
	}
}
