package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

func (k *checker) serve(needs Need) {
	s := k.c.Serve
	k.atLeast("serve.max_connections", int64(s.MaxConnections), 1, "1")
	k.atLeast("serve.max_tails", int64(s.MaxTails), 0, "0 (no live streams)")
	if s.MaxTails >= s.MaxConnections && s.MaxConnections >= 1 {
		k.fault("serve.max_tails", "expected less than serve.max_connections (%d): live streams that never end would leave no room for questions", s.MaxConnections)
	}
	for i, origin := range s.CORSOrigins {
		if !isOrigin(origin) {
			k.got(fmt.Sprintf("serve.cors_origins[%d]", i), origin, "expected an origin without a path, such as https://app.example or http://127.0.0.1:3000")
		}
	}
	for i, host := range s.Hosts {
		if !isHost(host) {
			k.got(fmt.Sprintf("serve.hosts[%d]", i), host, "expected a host's name or address without scheme, port and wildcards, such as audit.example")
		}
	}
	k.access(s.Access)
	if needs&NeedServe != 0 && k.c.Sink.SQLite != nil && len(s.Access) == 0 && isListenAddress(s.Listen) && !isLoopback(s.Listen) {
		k.warn("serve.listen", "%q can be reached from other machines, and SQLite asks nobody who they are: everybody there reads everything; set serve.access, or listen on 127.0.0.1", s.Listen)
	}
}

func (k *checker) access(list []Access) {
	if len(list) > 0 && k.c.Sink.Elasticsearch != nil {
		k.fault("serve.access", "given with sink.elasticsearch, where the store itself asks callers who they are and its roles decide; leave serve.access out")
	}
	names, tokens := map[string]int{}, map[[sha256.Size]byte]int{}
	for i, a := range list {
		key := fmt.Sprintf("serve.access[%d]", i)
		if j, twice := names[a.Name]; twice && a.Name != "" {
			k.fault(key+".name", "%q is the name of serve.access[%d] too", a.Name, j)
		}
		names[a.Name] = i
		if a.Name == "" {
			k.fault(key+".name", "missing; expected who has the token, as access events will say")
		}
		if k.token(key, a) {
			if j, twice := tokens[a.Hash()]; twice {
				k.fault(key, "has the token of serve.access[%d]; give each its own, so that it is known who asked", j)
			}
			tokens[a.Hash()] = i
		}
		k.accessRoles(key, a.Roles)
	}
}

// token checks that an entry has a token, given in one way, and says whether it has a good one.
func (k *checker) token(key string, a Access) bool {
	digest, err := hex.DecodeString(a.TokenSHA256)
	switch {
	case a.Token.IsSet() && a.TokenSHA256 != "":
		k.fault(key+".token_sha256", "set together with token; give one of them")
	case a.Token.IsSet() && len(a.Token.Reveal()) < MinTokenBytes:
		k.fault(key+".token", "expected a secret of at least %d bytes: with less, it can be found by trying", MinTokenBytes)
	case a.Token.IsSet() && strings.ContainsFunc(a.Token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7F }):
		k.fault(key+".token", "holds a character that no Authorization header can carry; expected ASCII letters, digits and signs without spaces")
	case a.Token.IsSet():
		return true
	case k.set(key + ".token"):
		k.fault(key+".token", "empty; expected a secret of at least %d bytes", MinTokenBytes)
	case a.TokenSHA256 == "":
		k.fault(key+".token_sha256", "missing; expected the token's SHA-256 in hexadecimal (printf %%s \"$TOKEN\" | sha256sum), or token, or token%s", fileSuffix)
	case err != nil || len(digest) != sha256.Size:
		// Not quoted: whoever puts the token itself here has made a mistake, and a log would make it worse.
		k.fault(key+".token_sha256", "expected 64 hexadecimal digits, the token's SHA-256 (printf %%s \"$TOKEN\" | sha256sum)")
	default:
		return true
	}
	return false
}

func (k *checker) accessRoles(key string, roles []string) {
	known := make([]string, len(k.c.Roles))
	for i, r := range k.c.Roles {
		known[i] = r.Name
	}
	if len(roles) == 0 {
		k.fault(key+".roles", "missing; expected at least one of the roles: without, the token opens nothing")
	}
	for i, role := range roles {
		at := fmt.Sprintf("%s.roles[%d]", key, i)
		switch {
		case len(known) == 0:
			k.fault(at, "unknown role %q; add it to roles, with the scopes that it may read", role)
		case !slices.Contains(known, role):
			k.fault(at, "%s (or add it to roles)", unknown("role", role, known))
		}
		if slices.Contains(roles[:i], role) {
			k.fault(at, "%q is listed twice", role)
		}
	}
}

// isOrigin says whether the text is what a browser sends as Origin: scheme, host and perhaps a port, in lower case. A wildcard is none: any page of the web
// could then read what its visitors' machines can reach.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(u.Host, "*") && u.Scheme+"://"+u.Host == text &&
		strings.ToLower(text) == text
}

// isHost says whether the text is a name or an address as a Host header may give it, without a port.
func isHost(text string) bool {
	if ip := net.ParseIP(text); ip != nil {
		return true
	}
	return text != "" && len(text) <= 253 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// ChecksHost says whether requests are answered for this machine and Serve.Hosts alone: where hosts are given, and where nobody has to say who they are on an address that
// this machine alone reaches. There a page of the web whose name resolves to it (DNS rebinding) would otherwise read everything.
func (c *Config) ChecksHost() bool {
	return len(c.Serve.Hosts) > 0 || c.Sink.SQLite != nil && len(c.Serve.Access) == 0 && isLoopback(c.Serve.Listen)
}

// isLoopback says whether a listening address can be reached from this machine alone, as far as its text tells.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
