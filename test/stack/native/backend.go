// Package native runs the real parts as plain processes of this machine, without containers: PostgreSQL from the machine's own
// packages, everything else from Maven Central.
//
// What is fetched is verified against checksums.txt and kept in a cache directory. The parts listen on free ports of 127.0.0.1 only, keep their
// data in one temporary directory, and run as an unprivileged user when the harness is root.
//
// It is no way to run Dossier's surroundings in production: Elasticsearch is put together from its published jars and lacks the modules
// that are not published (among them painless, ingest and search templates), and durability is switched off.
package native

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dossier/test/stack/freeport"
	"dossier/test/stack/parts"
)

// Say is told of each step of a long work, as a short line. It is never nil, and may be called from several goroutines.
type Say func(line string)

// Backend holds the processes of one stack. Its methods may be used from several goroutines.
type Backend struct {
	say     Say
	as      account
	dir     string // holds data and logs; temporary
	watcher *watcher
	elastic string // password of ElasticUser

	mu    sync.Mutex
	cache string                  // guarded by mu, like all below
	progs programs                //
	ports map[parts.Part]ports    //
	procs map[parts.Part]*process // the last process of a part, which may have ended
}

// ports of one part: the one that clients use, and one for the part's own traffic.
type ports struct{ client, internal int }

// New makes the directories of a stack without parts.
func New(say Say) (*Backend, error) {
	b := &Backend{say: say, ports: map[parts.Part]ports{}, procs: map[parts.Part]*process{}}
	var err error
	if b.as, err = findAccount(); err != nil {
		return nil, err
	}
	secret := make([]byte, 12)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	b.elastic = hex.EncodeToString(secret)
	if b.dir, err = os.MkdirTemp("", "dossier-stack-"); err != nil {
		return nil, err
	}
	if err := b.furnish(); err != nil {
		os.RemoveAll(b.dir)
		return nil, err
	}
	return b, nil
}

// furnish opens the new directory for the account, and has it watched.
func (b *Backend) furnish() error {
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := b.as.canReach(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.LogDir(), 0o755); err != nil {
		return err
	}
	var err error
	b.watcher, err = newWatcher(b.dir)
	return err
}

// Prepare makes parts ready to be started: it looks for what the machine must have, fetches and verifies what is not in the cache, and
// gives each part its ports and its directory. What the machine lacks is a *MissingError. Parts may be prepared again.
func (b *Backend) Prepare(ctx context.Context, want []parts.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Collect(maps.Keys(b.ports))
	for _, p := range want {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	var err error
	if b.cache, b.progs, err = prepare(ctx, all, b.as, b.say); err != nil {
		return err
	}
	for _, p := range all {
		if _, ok := b.ports[p]; ok {
			continue
		}
		var pair ports
		if pair.client, err = freeport.Next(); err != nil {
			return err
		}
		if pair.internal, err = freeport.Next(); err != nil {
			return err
		}
		if err := b.as.own(b.home(p)); err != nil {
			return err
		}
		b.ports[p] = pair
	}
	return nil
}

// Build fetches and verifies what the parts run from, and starts nothing. It gives the cache directory.
func Build(ctx context.Context, want []parts.Part, say Say) (string, error) {
	as, err := findAccount()
	if err != nil {
		return "", err
	}
	cache, _, err := prepare(ctx, want, as, say)
	return cache, err
}

func prepare(ctx context.Context, want []parts.Part, as account, say Say) (string, programs, error) {
	cache, progs, err := require(want, as)
	if err != nil {
		return "", programs{}, err
	}
	locked, err := lockedChecksums()
	if err != nil {
		return "", programs{}, err
	}
	lock, err := lockCache(ctx, cache, say)
	if err != nil {
		return "", programs{}, err
	}
	defer lock.Close()
	b := builder{cache: cache, progs: progs, locked: locked, fetcher: fetcher{maven: progs.maven, java: progs.java, say: say}}
	for _, p := range want {
		for _, component := range componentsOf(p) {
			if err := b.build(ctx, component); err != nil {
				return "", programs{}, err
			}
		}
	}
	return cache, progs, nil
}

// home is the working directory of a part, which holds its data.
func (b *Backend) home(p parts.Part) string { return filepath.Join(b.dir, string(p)) }

// component is the directory of a component in the cache.
func (b *Backend) component(c component) string { return filepath.Join(b.cache, c.name) }

// LogDir is the directory of the parts' logs, one file each, named like the part.
func (b *Backend) LogDir() string { return filepath.Join(b.dir, "log") }

func (b *Backend) log(p parts.Part) string { return filepath.Join(b.LogDir(), string(p)+".log") }

// Address is where clients reach a part, host:port.
func (b *Backend) Address(p parts.Part) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.address(p)
}

func (b *Backend) address(p parts.Part) string {
	return fmt.Sprintf("127.0.0.1:%d", b.ports[p].client)
}

// InsideAddress is where the parts reach each other. Natively that is no other place.
func (b *Backend) InsideAddress(p parts.Part) string { return b.Address(p) }

// ElasticPassword is the password of parts.ElasticUser.
func (b *Backend) ElasticPassword() string { return b.elastic }

// OpenSearchPassword is the password of parts.OpenSearchUser.
func (b *Backend) OpenSearchPassword() string { return parts.OpenSearchPassword(b.elastic) }

// Start starts one prepared part and returns when it answers as its clients need it. The parts that it needs are up. A part that was
// stopped or killed starts again on its data and its ports.
func (b *Backend) Start(ctx context.Context, p parts.Part) error {
	b.mu.Lock()
	old := b.procs[p]
	s, err := b.server(p)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if old != nil && old.running() {
		return fmt.Errorf("%s is already running", p)
	}
	if old == nil && s.initialise != nil {
		if err := s.initialise(ctx); err != nil {
			return fmt.Errorf("initialise %s: %w", p, err)
		}
	}
	for {
		proc, err := startProcess(p, s.command, b.as, b.log(p), b.watcher)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.procs[p] = proc
		b.mu.Unlock()
		err = proc.waitFor(ctx, s.ready)
		if err == nil || s.notYet == nil || !s.notYet(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// Running tells whether a part's process exists, answering or not.
func (b *Backend) Running(p parts.Part) bool {
	proc := b.process(p)
	return proc != nil && proc.running()
}

// Stop ends a part in order, and kills it when it takes too long, which is an error. A part that does not run is no error.
func (b *Backend) Stop(p parts.Part) error {
	if proc := b.process(p); proc != nil {
		return proc.end()
	}
	return nil
}

// Kill ends a part with SIGKILL.
func (b *Backend) Kill(p parts.Part) error {
	if proc := b.process(p); proc != nil {
		return proc.kill()
	}
	return nil
}

func (b *Backend) process(p parts.Part) *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.procs[p]
}

// Close ends every part and removes the data. With keepLogs the directory of LogDir stays.
//
// The data are thrown away, so nothing is gained by an orderly stop: the parts are ended at once.
func (b *Backend) Close(keepLogs bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, proc := range b.procs {
		errs = append(errs, proc.abandon())
	}
	b.watcher.release()
	if !keepLogs {
		return errors.Join(append(errs, removeAll(b.dir))...)
	}
	for p := range b.ports {
		errs = append(errs, removeAll(b.home(p)))
	}
	return errors.Join(errs...)
}
