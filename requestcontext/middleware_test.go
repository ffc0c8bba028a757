package requestcontext

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// serve sends r through m and returns the context that the handler sees and the answer's headers.
func serve(m Middleware, r *http.Request) (Context, http.Header) {
	var got Context
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = From(r.Context()) })).ServeHTTP(w, r)
	return got, w.Header()
}

func request(header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestMiddleware(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.FixedZone("", 3600))
	m := Middleware{Service: "shop", ReasonHeader: "X-Change-Reason", Now: func() time.Time { return at },
		User: func(*http.Request) (User, error) { return User{ID: "u1"}, nil }}
	got, header := serve(m, request("X-Request-Id", "r-1", "User-Agent", "curl/8", "X-Change-Reason", "typo",
		"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	want := Context{RequestID: "r-1", CorrelationID: "r-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", User: User{ID: "u1"},
		Initiator: "user", Service: "shop", IP: "192.0.2.1", UserAgent: "curl/8", Reason: "typo", Timestamp: at.UTC()}
	gotJSON, _ := got.Encode()
	wantJSON, _ := want.Encode()
	if string(gotJSON) != string(wantJSON) {
		t.Errorf("got  %s\nwant %s", gotJSON, wantJSON)
	}
	if header.Get(RequestIDHeader) != "r-1" {
		t.Errorf("the answer's id is %q", header.Get(RequestIDHeader))
	}
}

func TestMiddlewareWithoutUser(t *testing.T) {
	var logged error
	m := Middleware{User: func(*http.Request) (User, error) { return User{ID: "forged"}, errors.New("bad signature") },
		OnError: func(_ *http.Request, err error) { logged = err }}
	got, _ := serve(m, request("X-Change-Reason", "not configured"))
	if !got.User.IsZero() || got.Initiator != "" || got.Reason != "" {
		t.Errorf("got %+v", got)
	}
	if logged == nil {
		t.Error("the error was swallowed")
	}
}

func TestMiddlewareKeepsOuterContext(t *testing.T) {
	r := request("X-Request-Id", "inner")
	r = r.WithContext(With(r.Context(), Context{RequestID: "outer", User: User{ID: "u1"}, Initiator: InitiatorSystem}))
	got, _ := serve(Middleware{User: func(*http.Request) (User, error) { return User{ID: "u2"}, nil }}, r)
	if got.RequestID != "outer" || got.User.ID != "u1" || got.Initiator != InitiatorSystem || got.IP == "" {
		t.Errorf("got %+v", got)
	}
}

func TestRequestID(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	tests := map[string]struct {
		ids  []string
		m    Middleware
		peer string
		kept bool
	}{
		"uuid":               {ids: []string{"7b1d7a1e-91a5-4f0c-8b5c-0d2f8f4f7a11"}, kept: true},
		"base64":             {ids: []string{"Root=1-67/+=@~"}, kept: true},
		"longest":            {ids: []string{strings.Repeat("x", 128)}, kept: true},
		"none":               {},
		"empty":              {ids: []string{""}},
		"too long":           {ids: []string{strings.Repeat("x", 129)}},
		"two":                {ids: []string{"r-1", "r-2"}},
		"space":              {ids: []string{"r 1"}},
		"quote":              {ids: []string{"r'1"}},
		"line break":         {ids: []string{"r\n1"}},
		"not ASCII":          {ids: []string{"ré"}},
		"client, not proxy":  {ids: []string{"r-1"}, m: Middleware{RequestIDFromProxies: true, TrustedProxies: proxies}},
		"proxy":              {ids: []string{"r-1"}, m: Middleware{RequestIDFromProxies: true, TrustedProxies: proxies}, peer: "10.1.2.3:99", kept: true},
		"proxies only, none": {ids: []string{"r-1"}, m: Middleware{RequestIDFromProxies: true}, peer: "10.1.2.3:99"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request()
			if tt.peer != "" {
				r.RemoteAddr = tt.peer
			}
			for _, id := range tt.ids {
				r.Header.Add("X-Request-Id", id)
			}
			got, header := serve(tt.m, r)
			if header.Get(RequestIDHeader) != got.RequestID || got.CorrelationID != got.RequestID {
				t.Errorf("answered %q, kept %q and %q", header.Get(RequestIDHeader), got.RequestID, got.CorrelationID)
			}
			if tt.kept && got.RequestID != tt.ids[0] || !tt.kept && !uuid.MatchString(got.RequestID) {
				t.Errorf("id is %q", got.RequestID)
			}
		})
	}
	if first, second := newUUID(), newUUID(); first == second {
		t.Error("the same UUID twice")
	}
}

func TestTraceID(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for parent, want := range map[string]string{
		"00-" + id + "-00f067aa0ba902b7-01":                      id,
		"01-" + id + "-00f067aa0ba902b7-01-later":                id,
		"00-" + id + "-00f067aa0ba902b7-01-later":                "", // 00 has four fields
		"01-" + id + "-00f067aa0ba902b7-01later":                 "",
		"ff-" + id + "-00f067aa0ba902b7-01":                      "",
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01":     "",
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01": "",
		"00-" + id + "-0000000000000000-01":                      "",
		"00-" + id + "-00f067aa0ba902b7":                         "",
		"00 " + id + " 00f067aa0ba902b7 01":                      "",
		"":                                                       "",
		"00-" + id + "-00f067aa0ba902bg-01":                      "",
		"00-" + id + "-00f067aa0ba902b7-0\x00":                   "",
		strings.Repeat("-", 55):                                  "",
	} {
		if got := traceID(parent); got != want {
			t.Errorf("traceID(%q) = %q, want %q", parent, got, want)
		}
	}
	got, _ := serve(Middleware{}, request("traceparent", "00-"+id+"-00f067aa0ba902b7-01", "traceparent", "00-"+id+"-00f067aa0ba902b7-01"))
	if got.TraceID != "" {
		t.Error("took one of two traceparents")
	}
}

func TestClientIP(t *testing.T) {
	tests := map[string]struct {
		peer      string
		forwarded []string
		trusted   []netip.Prefix
		want      string
	}{
		"no proxy":                       {peer: "192.0.2.1:1234", want: "192.0.2.1"},
		"header without trusted proxies": {peer: "10.0.0.1:1", forwarded: []string{"203.0.113.9"}, want: "10.0.0.1"},
		"header from a stranger":         {peer: "192.0.2.1:1", forwarded: []string{"203.0.113.9"}, trusted: proxies, want: "192.0.2.1"},
		"one proxy":                      {peer: "10.0.0.1:1", forwarded: []string{"203.0.113.9"}, trusted: proxies, want: "203.0.113.9"},
		"made up before":                 {peer: "10.0.0.1:1", forwarded: []string{"1.1.1.1, 203.0.113.9"}, trusted: proxies, want: "203.0.113.9"},
		"made up to look like a proxy":   {peer: "10.0.0.1:1", forwarded: []string{"10.9.9.9, 203.0.113.9"}, trusted: proxies, want: "203.0.113.9"},
		"two proxies, two headers":       {peer: "10.0.0.1:1", forwarded: []string{"1.1.1.1, 203.0.113.9", "10.0.0.2"}, trusted: proxies, want: "203.0.113.9"},
		"proxies all the way":            {peer: "10.0.0.1:1", forwarded: []string{"10.0.0.3, 10.0.0.2"}, trusted: proxies, want: "10.0.0.3"},
		"no header":                      {peer: "10.0.0.1:1", trusted: proxies, want: "10.0.0.1"},
		"no address":                     {peer: "10.0.0.1:1", forwarded: []string{"203.0.113.9, unknown, 10.0.0.2"}, trusted: proxies, want: "10.0.0.2"},
		"port":                           {peer: "10.0.0.1:1", forwarded: []string{"203.0.113.9:4711"}, trusted: proxies, want: "203.0.113.9"},
		"IPv6":                           {peer: "[fd00::1]:1", forwarded: []string{"2001:db8::1"}, trusted: proxies, want: "2001:db8::1"},
		"IPv6 with port":                 {peer: "[fd00::1]:1", forwarded: []string{"[2001:db8::1]:443"}, trusted: proxies, want: "2001:db8::1"},
		"IPv6 in brackets":               {peer: "[fd00::1]:1", forwarded: []string{"[2001:db8::1]"}, trusted: proxies, want: "2001:db8::1"},
		"IPv4 in IPv6":                   {peer: "[::ffff:10.0.0.1]:1", forwarded: []string{"::ffff:203.0.113.9"}, trusted: proxies, want: "203.0.113.9"},
		"zone":                           {peer: "[fe80::1%eth0]:1", want: "fe80::1"},
		"unix socket":                    {peer: "@", forwarded: []string{"203.0.113.9"}, trusted: proxies, want: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request()
			r.RemoteAddr = tt.peer
			for _, f := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			if got, _ := serve(Middleware{TrustedProxies: tt.trusted}, r); got.IP != tt.want {
				t.Errorf("ip is %q, want %q", got.IP, tt.want)
			}
		})
	}
}

func TestMiddlewareCutsWhatClientsChoose(t *testing.T) {
	got, _ := serve(Middleware{ReasonHeader: "X-Why"}, request("User-Agent", strings.Repeat("a", 1<<20), "X-Why", strings.Repeat("b", 1<<20)))
	if len(got.UserAgent) != MaxUserAgent || len(got.Reason) != MaxReason {
		t.Errorf("user agent of %d bytes, reason of %d", len(got.UserAgent), len(got.Reason))
	}
}

func FuzzTraceID(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, parent string) {
		if id := traceID(parent); id != "" && (len(id) != 32 || !lowerHex(id) || zeros(id)) {
			t.Errorf("%q gave %q", parent, id)
		}
	})
}
