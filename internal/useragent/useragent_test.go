package useragent

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"dossier/schema"

	library "github.com/mileusna/useragent"
)

var headers = []struct{ header, name, os, device string }{
	{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux", Desktop},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome", "Windows", Desktop},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge", "Windows", Desktop},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 OPR/120.0.0.0", "Opera", "Windows", Desktop},
	{"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", "Windows", Desktop},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari", "macOS", Desktop},
	{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome", "ChromeOS", Desktop},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", "Safari", "iOS", Mobile},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox", "iOS", Mobile},
	{"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", "Safari", "iOS", Tablet},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome", "Android", Mobile},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome", "Android", Tablet},
	{"Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox", "Android", Mobile},
	{"Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox", "Android", Tablet},
	{"Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Browser", "Android", Mobile},
	{"Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)", "Dalvik", "Android", Mobile},
	{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "", Bot},
	{"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "Android", Bot},
	{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36", "Headless Chrome", "Linux", Bot},
	{"curl/8.5.0", "curl", "", ""},
	{"python-requests/2.32.3", "python-requests", "", ""},
	{"Go-http-client/1.1", "Go-http-client", "", ""},
	{"Apache-HttpClient/4.5.14 (Java/17.0.9)", "Apache-HttpClient", "", ""},
	{"Shop Backoffice", "Shop Backoffice", "", ""},
	{"   ", "", "", ""},
	{"((((", "", "", ""},
	{"a\x00b", "", "", ""},
	{"\xff\xfe", "", "", ""},
	{strings.Repeat("x", maxName+1), "", "", ""},
}

func TestParse(t *testing.T) {
	p := New(4) // smaller than the list: entries come and go
	for range 2 {
		for _, h := range headers {
			want := schema.UserAgent{Original: h.header, Name: h.name, OS: h.os, Device: h.device}
			if got := p.Parse(h.header); got != want {
				t.Errorf("%q\ngot  %+v\nwant %+v", h.header, got, want)
			}
		}
	}
	if got := p.Parse(""); got != (schema.UserAgent{}) {
		t.Errorf("no header: %+v", got)
	}
}

func TestParseLooksAtTheHeadAlone(t *testing.T) {
	p := New(10)
	long := headers[0].header + " " + strings.Repeat("(", 1<<20)
	got := p.Parse(long)
	if got.Original != long || got.Name != "Firefox" {
		t.Errorf("name %q, %d bytes kept", got.Name, len(got.Original))
	}
	for _, key := range p.cache.Keys() {
		if len(key) > maxParsed {
			t.Errorf("the cache holds a header of %d bytes", len(key))
		}
	}
	// Two headers that differ only behind the head share an entry, and keep their own original.
	if other := p.Parse(long + "x"); other.Original != long+"x" || p.cache.Len() != 1 {
		t.Errorf("%d entries", p.cache.Len())
	}
}

func TestCacheIsBoundedAndUsed(t *testing.T) {
	p := New(10)
	calls := 0
	p.parse = func(s string) library.UserAgent { calls++; return library.Parse(s) }
	for range 3 {
		p.Parse("curl/8.5.0")
	}
	if calls != 1 {
		t.Errorf("parsed %d times", calls)
	}
	for i := range 100 {
		p.Parse("agent" + strings.Repeat("x", i) + "/1")
	}
	if n := p.cache.Len(); n != 10 {
		t.Errorf("%d entries", n)
	}
}

func TestAPanicOfTheLibraryStopsNothing(t *testing.T) {
	p := New(10)
	p.parse = func(string) library.UserAgent { panic("index out of range") }
	if got, want := p.Parse("evil/1"), (schema.UserAgent{Original: "evil/1"}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestParseConcurrently(t *testing.T) {
	p := New(3)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				for _, h := range headers {
					if got := p.Parse(h.header); got.Name != h.name || got.Device != h.device {
						t.Errorf("%q: got %+v", h.header, got)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	for _, h := range headers {
		f.Add(h.header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		library.Parse(header[:min(len(header), maxParsed)]) // outside the parser, so that a panic is seen
		got := New(1).Parse(header)
		if got.Original != header || len(got.Name) > maxName || len(got.OS) > maxName || !utf8.ValidString(got.Name+got.OS) {
			t.Errorf("got %+v", got)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.Run("remembered", func(b *testing.B) {
		p := New(10)
		b.ReportAllocs()
		for b.Loop() {
			p.Parse(headers[0].header)
		}
	})
	b.Run("new", func(b *testing.B) {
		p := New(1)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.Parse(headers[i%2].header)
		}
	})
}
