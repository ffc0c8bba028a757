// Package freeport finds ports for the parts of a stack, whichever backend runs them.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are taken from below the range that Linux and macOS hand out to outgoing connections (32768 and up): a port from there might be taken by
// any client between the moment it is found free and the moment a part listens on it.
const (
	firstPort = 20000
	lastPort  = 32000
)

var (
	portsMu   sync.Mutex
	portsUsed = map[int]bool{} // guarded by portsMu; handed out by this process
)

// Next gives a port of 127.0.0.1 that nothing listens on and that this process has not handed out before.
func Next() (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if portsUsed[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		portsUsed[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d on 127.0.0.1", firstPort, lastPort)
}
