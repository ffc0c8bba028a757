// Package useragent tells browser, operating system and device class from a User-Agent header.
//
// It is a thin layer around a library, so that the library can be changed: see docs/adr/user-agent-parser.md. What it tells is a help for
// searching; the evidence is the original text, which is always kept.
package useragent

import (
	"fmt"
	"strings"
	"unicode"

	"dossier/schema"

	lru "github.com/hashicorp/golang-lru/v2"
	library "github.com/mileusna/useragent"
)

// The device classes.
const (
	Desktop = "desktop"
	Mobile  = "mobile"
	Tablet  = "tablet"
	Bot     = "bot" // a program that says so; it wins over the device that it imitates
)

const (
	// maxParsed is how much of a header is looked at, in bytes: far more than a browser sends, and little enough that nobody
	// can slow us down with long ones.
	maxParsed = 1024
	// maxName bounds what is taken for a browser's or a system's name, in bytes.
	maxName = 64
)

// Parser parses User-Agent headers and remembers the most recently used. It is safe for concurrent use.
type Parser struct {
	cache *lru.Cache[string, parsed]
	parse func(string) library.UserAgent
}

// parsed is what a header tells: a schema.UserAgent without the original.
type parsed struct{ name, os, device string }

// New returns a parser that remembers the given number of headers, at most about 1.2 KiB each. It panics if that is not positive.
func New(remembered int) *Parser {
	cache, err := lru.New[string, parsed](remembered)
	if err != nil {
		panic(fmt.Sprintf("useragent: a cache of %d headers: %v", remembered, err))
	}
	return &Parser{cache: cache, parse: library.Parse}
}

// Parse returns what a header tells; what it doesn't tell is empty. The original is kept whole, as it is.
func (p *Parser) Parse(original string) schema.UserAgent {
	if original == "" {
		return schema.UserAgent{}
	}
	head := original[:min(len(original), maxParsed)]
	known, ok := p.cache.Get(head)
	if !ok {
		head = strings.Clone(head) // the original may be part of a large record, which the cache must not hold
		known = p.read(head)
		p.cache.Add(head, known)
	}
	return schema.UserAgent{Original: original, Name: known.name, OS: known.os, Device: known.device}
}

func (p *Parser) read(header string) (known parsed) {
	// Anyone can send any header. Should one make the library panic, then that header tells nothing; stopping the audit
	// trail, again at each restart, is no option.
	defer func() {
		if recover() != nil {
			known = parsed{}
		}
	}()
	ua := p.parse(header)
	known = parsed{name: name(ua.Name), os: name(ua.OS)}
	if known.name == "Trident" {
		known.name = library.InternetExplorer // version 11 doesn't say its name
	}
	switch {
	case ua.Bot:
		known.device = Bot
	case ua.Tablet, isAndroidTablet(ua, header):
		known.device = Tablet
	case ua.Mobile:
		known.device = Mobile
	case ua.Desktop:
		known.device = Desktop
	}
	return known
}

// isAndroidTablet knows Chrome's convention, also that of browsers built on it: on a tablet it leaves out "Mobile".
func isAndroidTablet(ua library.UserAgent, header string) bool {
	return ua.OS == library.Android && strings.Contains(header, " Chrome/") && !strings.Contains(header, library.Mobile)
}

// name returns what the library takes for a name if it can be one: it hands back the whole header where it finds no structure.
func name(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxName || !strings.ContainsFunc(s, unicode.IsLetter) || strings.ContainsFunc(s, unprintable) {
		return ""
	}
	return s
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
