package requestcontext

import (
	"net/http"
	"net/netip"
	"strings"
)

// peer returns the address at the other end of the connection, and whether it is a trusted proxy. It is not valid where the
// connection has no address, as on a Unix socket.
func (m Middleware) peer(r *http.Request) (netip.Addr, bool) {
	addr, ok := parseAddr(r.RemoteAddr)
	return addr, ok && m.trusts(addr)
}

func (m Middleware) trusts(addr netip.Addr) bool {
	for _, prefix := range m.TrustedProxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// client walks the forwarding chain from its end, which the trusted peer wrote, as far as trusted proxies go.
func (m Middleware) client(peer netip.Addr, forwardedFor []string) netip.Addr {
	chain := strings.Split(strings.Join(forwardedFor, ","), ",")
	for i := len(chain) - 1; i >= 0 && m.trusts(peer); i-- {
		addr, ok := parseAddr(strings.TrimSpace(chain[i]))
		if !ok {
			break
		}
		peer = addr
	}
	return peer
}

// parseAddr reads an address with or without a port. A zone names an interface of this host, and IPv4 in IPv6 is an
// accident of the listener: neither belongs in a record.
func parseAddr(s string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err == nil
}
