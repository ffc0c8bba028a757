package native

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"dossier/test/stack/parts"
)

// copyGoal is pinned like the files that it fetches.
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// profiles of pom.xml.
const (
	profileKafka         = "kafka"
	profileDebezium      = "debezium"
	profileConverter     = "converter"
	profileRegistry      = "registry"
	profileElasticsearch = "elasticsearch"
	profileOpenSearch    = "opensearch"

	profileOpenSearchSecurity = "opensearch-security"
)

var allProfiles = []string{profileKafka, profileDebezium, profileConverter, profileRegistry, profileElasticsearch, profileOpenSearch, profileOpenSearchSecurity}

// fetcher gets files from Maven Central through mvn, which knows the machine's proxies, mirrors and local repository.
type fetcher struct {
	maven, java string
	say         func(string)
}

// fetch puts the files of one profile into the new directory into, and gives their checksums, unverified.
func (f fetcher) fetch(ctx context.Context, profile, into string) (checksums, error) {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "dossier-stack-fetch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	pom, err := sources.ReadFile("pom.xml")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return nil, err
	}

	args := append([]string{"--batch-mode", "--strict-checksums", "-f", filepath.Join(work, "pom.xml"), "-P" + profile,
		copyGoal, "-DincludeScope=runtime", "-DoutputDirectory=" + into}, versionProperties()...)
	cmd := exec.CommandContext(ctx, f.maven, args...)
	cmd.Env = append(os.Environ(), "JAVA_HOME="+f.java)
	cmd.Dir = work
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.say("fetching " + profile)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", f.maven, err)
	}
	var faults []string
	downloaded := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.Contains(line, "Downloaded from"):
			if downloaded++; downloaded%10 == 0 {
				f.say(fmt.Sprintf("fetching %s: %d files downloaded", profile, downloaded))
			}
		case strings.HasPrefix(line, "[ERROR]"):
			faults = append(faults, line)
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("fetch %s from Maven Central: %w\n%s%s", profile, err, strings.Join(faults, "\n"), stderr.String())
	}
	return checksumsOf(profile, into)
}

// Lock fetches everything anew and writes the checksums of what came into the file path, which is the lock file in the source tree.
func Lock(ctx context.Context, path string, say func(string)) error {
	if filepath.Base(path) != checksumsFile {
		return fmt.Errorf("%s: the lock file is named %s", path, checksumsFile)
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: no such directory: run this in the root of the source tree, or name the file", filepath.Dir(path))
	}
	progs, err := findPrograms([]parts.Part{parts.Kafka}, true)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "dossier-stack-lock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	all := checksums{}
	f := fetcher{maven: progs.maven, java: progs.java, say: say}
	for _, profile := range allProfiles {
		got, err := f.fetch(ctx, profile, filepath.Join(work, profile))
		if err != nil {
			return err
		}
		for name, sum := range got {
			all[name] = sum
		}
	}
	return os.WriteFile(path, all.text(), 0o644)
}
