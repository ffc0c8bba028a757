package native

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dossier/test/stack/parts"
)

// cacheVariable names another directory for what was fetched and laid out.
const cacheVariable = "DOSSIER_STACK_CACHE"

// layoutVersion is raised when the layout of a component changes without its sources changing, so that older caches are left alone.
const layoutVersion = "1"

//go:embed pom.xml checksums.txt java
var sources embed.FS

// cacheDir is where the components of exactly this set of sources and versions lie. Another set has another directory, so a
// checkout of an older commit finds its own parts again.
func cacheDir(a account) (string, error) {
	root := os.Getenv(cacheVariable)
	if root == "" {
		base, err := os.UserCacheDir()
		if a.switched {
			// The home directory of root is closed to others as a rule.
			base, err = "/var/cache", nil
		}
		if err != nil {
			return "", fmt.Errorf("find a cache directory: %w; set %s to a directory", err, cacheVariable)
		}
		root = filepath.Join(base, "dossier", "stack")
	}
	h := sha256.New()
	fmt.Fprintln(h, layoutVersion, versionProperties())
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, hex.EncodeToString(h.Sum(nil))[:16])
	if err := a.canReach(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w; set %s to a directory that can be written", err, cacheVariable)
	}
	return dir, nil
}

// versionProperties hands the versions of package parts to Maven.
func versionProperties() []string {
	return []string{
		"-Dkafka.version=" + parts.KafkaVersion,
		"-Ddebezium.version=" + parts.DebeziumVersion,
		"-Dapicurio.version=" + parts.ApicurioVersion,
		"-Delasticsearch.version=" + parts.ElasticsearchVersion,
		"-Dopensearch.runner.version=" + parts.OpenSearchRunnerVersion,
		"-Dopensearch.security.version=" + parts.OpenSearchSecurityVersion,
	}
}

// lockCache keeps other processes from filling the same cache at the same time. Unlock by closing the file; the system does it too when
// this process dies.
func lockCache(ctx context.Context, dir string, say func(string)) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != syscall.EWOULDBLOCK {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if !told {
			say("waiting for another process that is fetching the parts")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
