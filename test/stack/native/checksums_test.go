package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerifyNamesEachDifference(t *testing.T) {
	locked := checksums{"kafka/a.jar": "aa", "kafka/b.jar": "bb", "kafka/gone.jar": "cc", "other/x.jar": "dd"}
	if err := locked.verify("other", checksums{"other/x.jar": "dd"}); err != nil {
		t.Errorf("equal sums: %v", err)
	}
	err := locked.verify("kafka", checksums{"kafka/a.jar": "aa", "kafka/b.jar": "changed", "kafka/new.jar": "ee"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"b.jar has SHA-256 changed, listed is bb", "new.jar is not listed", "gone.jar is listed but was not fetched", "stack lock"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	for _, not := range []string{"a.jar", "x.jar"} {
		if strings.Contains(err.Error(), "/"+not) {
			t.Errorf("the error names %s, which is as it should be: %v", not, err)
		}
	}
}

// TestLockCoversEveryProfile catches a profile that was added to pom.xml without its checksums.
func TestLockCoversEveryProfile(t *testing.T) {
	locked, err := lockedChecksums()
	if err != nil {
		t.Fatal(err)
	}
	for _, profile := range allProfiles {
		count := 0
		for name := range locked {
			if strings.HasPrefix(name, profile+"/") {
				count++
			}
		}
		if count == 0 {
			t.Errorf("no checksum for the profile %s: run `go run ./test/stack/cmd/stack lock`", profile)
		}
	}
	written, err := os.ReadFile(checksumsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(locked.text()) != string(written) {
		t.Errorf("%s is not as `stack lock` writes it", checksumsFile)
	}
}

func TestOldestJDKThatIsNewEnough(t *testing.T) {
	root := t.TempDir()
	home := func(name, version string, programs ...string) string {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			if err := os.WriteFile(filepath.Join(dir, "bin", p), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "release"), []byte("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\""+version+"\"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	homes := []string{
		home("eight", "1.8.0_402", "java", "javac"),
		home("twentyfive", "25", "java", "javac"),
		home("jre", "17.0.15", "java"),
		home("twentyone", "21.0.3", "java", "javac"),
		filepath.Join(root, "nothing"),
	}
	for minimum, want := range map[int]string{17: homes[3], 21: homes[3], 22: homes[1], 26: ""} {
		if got := oldestJDK(homes, minimum); got != want {
			t.Errorf("version %d or newer: got %q, want %q", minimum, got, want)
		}
	}
}
