package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isOurs says whether a request means this server by its Host header: a host of this machine alone, or one of those configured, each with any port.
//
// A page of the web can have its own host's name resolve to 127.0.0.1 (DNS rebinding); to the browser our answers are then that page's own, and no rule of origins
// keeps it from reading them. The Host header still says the page's name.
func (a *API) isOurs(r *http.Request) bool {
	if !a.CheckHost {
		return true
	}
	host := hostOf(r.Host)
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	for _, h := range a.Hosts {
		if host == hostOf(h) {
			return true
		}
	}
	return false
}

// hostOf returns a Host header's host in lower case, without a port, the brackets of an IPv6 address and the dot that may end a name.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	} else if inside, ok := strings.CutPrefix(header, "["); ok {
		host = strings.TrimSuffix(inside, "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// foreignHost refuses a request that means another server.
func foreignHost(r *http.Request) *Problem {
	return newProblem(kindMisdirected, fmt.Sprintf("this server does not answer for the host %.100q; ask for 127.0.0.1 or localhost, or add the host to serve.hosts", hostOf(r.Host)))
}
