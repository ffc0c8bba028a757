package native

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"dossier/test/stack/parts"
)

// component is one directory of the cache: fetched, verified, unpacked, and never written again.
type component struct {
	name     string
	profiles []string
	// lay makes the component's files in the empty directory into, out of what was fetched, which it may move.
	lay func(ctx context.Context, b builder, fetched map[string]string, into string) error
}

var (
	kafkaComponent = component{name: "kafka", profiles: []string{profileKafka},
		lay: func(_ context.Context, _ builder, fetched map[string]string, into string) error {
			return moveJars(fetched[profileKafka], into)
		}}
	pluginsComponent       = component{name: "connect-plugins", profiles: []string{profileDebezium, profileConverter}, lay: layPlugins}
	registryComponent      = component{name: "registry", profiles: []string{profileRegistry}, lay: layRegistry}
	elasticsearchComponent = component{name: "elasticsearch", profiles: []string{profileElasticsearch}, lay: layElasticsearch}
	openSearchComponent    = component{name: "opensearch", profiles: []string{profileOpenSearch}, lay: layOpenSearch}

	openSearchSecurityComponent = component{name: "opensearch-security", profiles: []string{profileOpenSearchSecurity}, lay: layOpenSearchSecurity}
)

// componentsOf lists what a part runs from.
func componentsOf(p parts.Part) []component {
	switch p {
	case parts.Kafka:
		return []component{kafkaComponent}
	case parts.Connect:
		return []component{kafkaComponent, pluginsComponent}
	case parts.Registry:
		return []component{registryComponent}
	case parts.Elasticsearch:
		return []component{elasticsearchComponent}
	case parts.OpenSearch:
		return []component{openSearchComponent}
	case parts.OpenSearchSecure:
		return []component{openSearchComponent, openSearchSecurityComponent}
	}
	return nil
}

// in tells whether the cache has the component.
func (c component) in(cache string) bool {
	_, err := os.Stat(filepath.Join(cache, c.name))
	return err == nil
}

// builder fills the cache.
type builder struct {
	cache   string
	progs   programs
	locked  checksums
	fetcher fetcher
}

// build makes the component unless the cache has it. It appears under its name only when it is whole.
func (b builder) build(ctx context.Context, c component) error {
	if c.in(b.cache) {
		return nil
	}
	work, err := os.MkdirTemp(b.cache, ".making-"+c.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fetched := map[string]string{}
	for _, profile := range c.profiles {
		dir := filepath.Join(work, "fetched-"+profile)
		sums, err := b.fetcher.fetch(ctx, profile, dir)
		if err != nil {
			return err
		}
		if err := b.locked.verify(profile, sums); err != nil {
			return err
		}
		fetched[profile] = dir
	}
	b.fetcher.say("laying out " + c.name)
	into := filepath.Join(work, c.name)
	if err := os.Mkdir(into, 0o755); err != nil {
		return err
	}
	if err := c.lay(ctx, b, fetched, into); err != nil {
		return fmt.Errorf("lay out %s: %w", c.name, err)
	}
	if err := openForAll(into); err != nil {
		return err
	}
	return os.Rename(into, filepath.Join(b.cache, c.name))
}

// openForAll lets every user read the tree, whatever this process's umask is.
func openForAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

// moveJars moves the files of one directory into another.
func moveJars(from, into string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(into, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// layPlugins makes Connect's plugin path: Debezium's connector, and the Avro converter. Apicurio's jars lack the list of services by
// which Connect finds plugins without scanning every class of every jar, which takes seconds at each start; so it is added.
func layPlugins(_ context.Context, _ builder, fetched map[string]string, into string) error {
	archives, err := filepath.Glob(filepath.Join(fetched[profileDebezium], "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("want one archive of Debezium's plugin, got %v", archives)
	}
	if err := untar(archives[0], into); err != nil {
		return err
	}
	converter := filepath.Join(into, "apicurio-converter")
	if err := moveJars(fetched[profileConverter], converter); err != nil {
		return err
	}
	services, err := os.MkdirTemp(filepath.Dir(into), "services-")
	if err != nil {
		return err
	}
	name := filepath.Join(services, "META-INF", "services", "org.apache.kafka.connect.storage.Converter")
	if err := writeFile(name, strings.NewReader(parts.AvroConverter+"\n")); err != nil {
		return err
	}
	return jar(os.DirFS(services), filepath.Join(converter, "dossier-services.jar"))
}

func layRegistry(_ context.Context, _ builder, fetched map[string]string, into string) error {
	archives, err := filepath.Glob(filepath.Join(fetched[profileRegistry], "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("want one archive of the registry, got %v", archives)
	}
	return untar(archives[0], into)
}

func layOpenSearch(ctx context.Context, b builder, fetched map[string]string, into string) error {
	lib := filepath.Join(into, "lib")
	if err := moveJars(fetched[profileOpenSearch], lib); err != nil {
		return err
	}
	return b.compile(ctx, b.progs.javaOpenSearch, "java/opensearch", javaMinimumOpenSearch, filepath.Join(lib, "*"), filepath.Join(into, "launcher"))
}

// compile compiles the embedded Java sources under tree for the given Java release into the directory into.
func (b builder) compile(ctx context.Context, javaHome, tree string, release int, classPath, into string) error {
	src, err := os.MkdirTemp("", "dossier-stack-javac-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(src)
	sub, err := fs.Sub(sources, tree)
	if err != nil {
		return err
	}
	if err := os.CopyFS(src, sub); err != nil {
		return err
	}
	args := []string{"-Xlint:-options", "--release", fmt.Sprint(release), "-d", into, "-cp", classPath}
	err = fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".java") {
			args = append(args, filepath.Join(src, path))
		}
		return err
	})
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, filepath.Join(javaHome, "bin", "javac"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s", tree, err, out)
	}
	return nil
}
