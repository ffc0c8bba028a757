package native

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checksumsFile is the lock file, in the format of sha256sum: one line per fetched file, named profile/file.
const checksumsFile = "checksums.txt"

// checksums maps profile/file to its SHA-256 in hex.
type checksums map[string]string

// lockedChecksums reads the lock file that this program was built with.
func lockedChecksums() (checksums, error) {
	text, err := sources.ReadFile(checksumsFile)
	if err != nil {
		return nil, err
	}
	sums := checksums{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sum, name, ok := strings.Cut(line, "  ")
		if !ok || len(sum) != sha256.Size*2 {
			return nil, fmt.Errorf("%s:%d: want a SHA-256, two spaces and a file name, got %q", checksumsFile, n, line)
		}
		sums[name] = sum
	}
	return sums, lines.Err()
}

// ofDir computes the checksums of the files in dir, named under profile.
func checksumsOf(profile, dir string) (checksums, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sums := checksums{}
	for _, e := range entries {
		sum, err := fileSum(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sums[profile+"/"+e.Name()] = sum
	}
	return sums, nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// verify compares what was fetched for one profile with the lock: each file must be listed, each listed file must be there, and each
// sum must agree. All differences are reported together.
func (locked checksums) verify(profile string, got checksums) error {
	var faults []string
	for _, name := range got.names() {
		switch want, listed := locked[name]; {
		case !listed:
			faults = append(faults, fmt.Sprintf("%s is not listed", name))
		case want != got[name]:
			faults = append(faults, fmt.Sprintf("%s has SHA-256 %s, listed is %s", name, got[name], want))
		}
	}
	for _, name := range locked.names() {
		if _, ok := got[name]; !ok && strings.HasPrefix(name, profile+"/") {
			faults = append(faults, fmt.Sprintf("%s is listed but was not fetched", name))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("what was fetched differs from test/stack/native/%s; after an intended change of version run `go run ./test/stack/cmd/stack lock`, otherwise distrust the download:\n  - %s",
		checksumsFile, strings.Join(faults, "\n  - "))
}

func (c checksums) names() []string {
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// text writes the lock file.
func (c checksums) text() []byte {
	var b bytes.Buffer
	b.WriteString("# SHA-256 of every file that the native backend fetches, by Maven profile.\n")
	b.WriteString("# Written by `go run ./test/stack/cmd/stack lock`; verified at each fetch.\n")
	for _, name := range c.names() {
		fmt.Fprintf(&b, "%s  %s\n", c[name], name)
	}
	return b.Bytes()
}
