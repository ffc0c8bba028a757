package query

import (
	"net/netip"
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                       nil,
		" -- ":                   nil,
		"Silver spoon":           {"silver", "spoon"},
		"don't_stop 99.50":       {"don", "t", "stop", "99", "50"},
		"Löffel cafe\u0301s":     {"loffel", "cafes"},
		"Łódź Straße ØRSTED ﬁne": {"lodz", "strasse", "orsted", "fine"},
		"ΆΛΦΑ Σίσυφος":           {"αλφα", "σισυφοσ"},
		"İstanbul ISPARTA ısı":   {"istanbul", "isparta", "isi"},
		"Ёлка ЙОД":               {"елка", "иод"},
		"हिन्दी":                 {"हिन्दी"},
		"한국어 日本":                 {"한국어", "日本"},
		"a\x00b":                 {"a", "b"},
		"x😀y":                    {"x", "y"},
	} {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPatternFits(t *testing.T) {
	lit := func(s string) PatternPart { return PatternPart{Literal: s} }
	anything, one := PatternPart{Any: true}, PatternPart{One: true}
	for _, test := range []struct {
		pattern Pattern
		fits    []string
		not     []string
	}{
		{nil, []string{""}, []string{"a"}},
		{Pattern{anything}, []string{"", "abc", "é"}, nil},
		{Pattern{one}, []string{"a", "é", "😀"}, []string{"", "ab"}},
		{Pattern{lit("ab"), anything}, []string{"ab", "abc"}, []string{"a", "AB", "xab"}},
		{Pattern{anything, lit("ab")}, []string{"ab", "abab", "aab"}, []string{"aba", ""}},
		{Pattern{anything, lit("ab"), anything, lit("c"), one}, []string{"xabyabcz", "abcc"}, []string{"abc", "acbz"}},
		{Pattern{one, anything, one}, []string{"ab", "é😀é"}, []string{"a", ""}},
		{Pattern{lit("100%_*?[a]\\")}, []string{"100%_*?[a]\\"}, []string{"100xx"}},
		{Pattern{lit("a"), lit("b")}, []string{"ab"}, []string{"a"}},
		{Pattern{anything, lit("é")}, []string{"éé"}, []string{"e"}},
	} {
		for _, s := range test.fits {
			if !test.pattern.Fits(s) {
				t.Errorf("%+v does not fit %q", test.pattern, s)
			}
		}
		for _, s := range test.not {
			if test.pattern.Fits(s) {
				t.Errorf("%+v fits %q", test.pattern, s)
			}
		}
	}
}

func TestAddressRange(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1": "::ffff:10.0.0.1 ::ffff:10.0.0.1", "10.1.2.3/8": "::ffff:10.0.0.0 ::ffff:10.255.255.255", "::ffff:10.0.0.1": "::ffff:10.0.0.1 ::ffff:10.0.0.1",
		"::ffff:10.0.0.0/104": "::ffff:10.0.0.0 ::ffff:10.255.255.255", "2001:db8::/33": "2001:db8:: 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "fe80::1%eth0": "fe80::1 fe80::1",
		"0.0.0.0/0": "::ffff:0.0.0.0 ::ffff:255.255.255.255", "10.0.0.1/31": "::ffff:10.0.0.0 ::ffff:10.0.0.1", "::/0": ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"10.0.0": "", "": "", "10.0.0.0/33": "",
	} {
		first, last, ok := AddressRange(text)
		got := ""
		if ok {
			got = netip.AddrFrom16(first).String() + " " + netip.AddrFrom16(last).String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
