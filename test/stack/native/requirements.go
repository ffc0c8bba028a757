package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"dossier/test/stack/parts"
)

// The oldest Java that each need is known to work with.
const (
	javaMinimum           = 17
	javaMinimumOpenSearch = 21
)

// programs are the programs of the machine that the parts are fetched, compiled and run with.
type programs struct {
	maven          string // path of mvn
	java           string // home directory of a JDK of javaMinimum or newer
	javaOpenSearch string // home directory of a JDK of javaMinimumOpenSearch or newer; only for OpenSearch
	postgres       string // directory of PostgreSQL's server programs; only for PostgreSQL
}

// MissingError says what the machine lacks to run the parts, all of it at once.
type MissingError struct {
	// Lacks are the missing programs, each with a way to install it on Debian.
	Lacks []string
}

func (e *MissingError) Error() string {
	return "this machine cannot run the parts natively:\n  - " + strings.Join(e.Lacks, "\n  - ")
}

// Check tells whether this machine can run the given parts: nil, or a *MissingError with all that it lacks.
func Check(want []parts.Part) error {
	as, err := findAccount()
	if err != nil {
		return err
	}
	_, _, err = require(want, as)
	return err
}

// require finds the cache directory, and the programs that the given parts need on this machine; mvn is one of them as long as something is to be
// fetched.
func require(want []parts.Part, as account) (string, programs, error) {
	cache, err := cacheDir(as)
	if err != nil {
		return "", programs{}, err
	}
	fetch := slices.ContainsFunc(want, func(p parts.Part) bool {
		return slices.ContainsFunc(componentsOf(p), func(c component) bool { return !c.in(cache) })
	})
	progs, err := findPrograms(want, fetch)
	return cache, progs, err
}

// findPrograms looks for everything that the given parts need, and for what fetches them if they are to be fetched. What is missing is reported
// together in a MissingError.
func findPrograms(want []parts.Part, fetch bool) (programs, error) {
	var p programs
	var lacks []string
	onJava := slices.ContainsFunc(want, func(w parts.Part) bool { return w != parts.Postgres })
	if onJava {
		homes := javaHomes()
		if p.java = oldestJDK(homes, javaMinimum); p.java == "" {
			lacks = append(lacks, fmt.Sprintf("a JDK (java and javac) of version %d or newer: apt-get install openjdk-17-jdk-headless", javaMinimum))
		}
		if slices.Contains(want, parts.OpenSearch) || slices.Contains(want, parts.OpenSearchSecure) {
			if p.javaOpenSearch = oldestJDK(homes, javaMinimumOpenSearch); p.javaOpenSearch == "" {
				lacks = append(lacks, fmt.Sprintf("a JDK of version %d or newer, for OpenSearch: apt-get install openjdk-21-jdk-headless, or temurin-21-jdk from Adoptium", javaMinimumOpenSearch))
			}
		}
	}
	if fetch {
		var err error
		if p.maven, err = exec.LookPath("mvn"); err != nil {
			lacks = append(lacks, "mvn on the PATH, to fetch the parts: apt-get install maven")
		}
	}
	if slices.Contains(want, parts.Postgres) {
		if p.postgres = postgresDir(); p.postgres == "" {
			lacks = append(lacks, fmt.Sprintf("PostgreSQL's server programs (postgres, initdb) of version %d or newer, on the PATH or in /usr/lib/postgresql: apt-get install postgresql postgresql-contrib", parts.PostgresMinimum))
		}
	}
	if runtime.GOOS == "windows" {
		lacks = append(lacks, "a Unix: use the Docker backend here, or WSL")
	}
	if len(lacks) > 0 {
		return programs{}, &MissingError{Lacks: lacks}
	}
	return p, nil
}

// javaHomes lists the home directories of every Java that the machine seems to have.
func javaHomes() []string {
	var homes []string
	add := func(dir string) {
		if dir, err := filepath.EvalSymlinks(dir); err == nil && !slices.Contains(homes, dir) {
			homes = append(homes, dir)
		}
	}
	if home := os.Getenv("JAVA_HOME"); home != "" {
		add(home)
	}
	if java, err := exec.LookPath("java"); err == nil {
		if java, err = filepath.EvalSymlinks(java); err == nil {
			add(filepath.Dir(filepath.Dir(java)))
		}
	}
	for _, pattern := range []string{"/usr/lib/jvm/*", "/opt/java/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home", "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home"} {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			add(dir)
		}
	}
	return homes
}

// oldestJDK picks, of the homes that hold java and javac, the oldest of at least the given version: the parts are tested
// by their makers with the long-supported versions rather than with the newest. It is "" if there is none.
func oldestJDK(homes []string, minimum int) string {
	best, bestVersion := "", 0
	for _, home := range homes {
		v := javaVersion(home)
		if v < minimum || (best != "" && v >= bestVersion) {
			continue
		}
		if executable(filepath.Join(home, "bin", "java")) && executable(filepath.Join(home, "bin", "javac")) {
			best, bestVersion = home, v
		}
	}
	return best
}

var javaRelease = regexp.MustCompile(`(?m)^JAVA_VERSION="(\d+)`)

// javaVersion reads the major version from the file that every Java home carries; 0 if it is no Java home.
func javaVersion(home string) int {
	text, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		return 0
	}
	m := javaRelease.FindSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.Atoi(string(m[1]))
	return v
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// postgresDir finds the directory of the newest PostgreSQL server programs of a good version; "" if there is none.
func postgresDir() string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	best, bestVersion := "", parts.PostgresMinimum-1
	for _, dir := range dirs {
		if !executable(filepath.Join(dir, "initdb")) {
			continue
		}
		out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		m := postgresVersion.FindSubmatch(out)
		if m == nil {
			continue
		}
		if v, _ := strconv.Atoi(string(m[1])); v > bestVersion {
			best, bestVersion = dir, v
		}
	}
	return best
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
