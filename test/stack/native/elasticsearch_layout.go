package native

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"dossier/test/stack/parts"
)

// Elasticsearch refuses to start when one class is in two jars of a class path. These hold nothing but doubles.
var doubledJars = []string{"jakarta.activation-api-*.jar", "jcip-annotations-1.0-1.jar"}

// esModules says which jars belong to which module of Elasticsearch; the others are the server's own. A module sees its own jars, those of
// the modules that it extends, and the server's. x-pack-security carries the HTTP transport once more, as its distribution does.
var esModules = []struct {
	name string
	own  []string // patterns of jars that are moved into the module
	also []string // patterns of jars that are copied from modules before
}{
	{name: "transport-netty4", own: []string{"netty-*.jar", "transport-netty4-*.jar"}},
	{name: "x-pack-core", own: []string{"http*.jar", "commons-codec*.jar", "commons-logging*.jar", "unboundid*.jar", "elasticsearch-ssl-config*.jar",
		"x-pack-template*.jar", "x-pack-core-*.jar"}},
	{name: "x-pack-security", own: []string{"nimbus*.jar", "oauth2*.jar", "json-smart*.jar", "accessors-smart*.jar", "asm-*.jar", "content-type*.jar",
		"lang-tag*.jar", "jakarta.*.jar", "xmlsec*.jar", "guava*.jar", "failureaccess*.jar", "cryptacular*.jar", "stax2*.jar", "woodstox*.jar",
		"es-opensaml*.jar", "metrics-core*.jar", "x-pack-security-*.jar"},
		also: []string{"transport-netty4/netty-*.jar", "transport-netty4/transport-netty4-*.jar"}},
}

// moduleName is the line of a plugin's descriptor that names its Java module. It is emptied, because the server's jars are on the class
// path here, where plain class loaders find them.
var moduleName = regexp.MustCompile(`(?m)^modulename=.*$`)

// layElasticsearch makes a home for the node out of single jars: lib for the server, modules for transport, security and the little text analysis
// that security's own index needs, and the launcher.
func layElasticsearch(ctx context.Context, b builder, fetched map[string]string, into string) error {
	from := fetched[profileElasticsearch]
	for _, pattern := range doubledJars {
		if err := eachMatch(from, pattern, os.Remove); err != nil {
			return err
		}
	}
	modules := filepath.Join(into, "modules")
	for _, m := range esModules {
		dir := filepath.Join(modules, m.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, pattern := range m.own {
			err := eachMatch(from, pattern, func(jar string) error { return os.Rename(jar, filepath.Join(dir, filepath.Base(jar))) })
			if err != nil {
				return err
			}
		}
		for _, pattern := range m.also {
			err := eachMatch(modules, pattern, func(jar string) error { return os.Link(jar, filepath.Join(dir, filepath.Base(jar))) })
			if err != nil {
				return err
			}
		}
		own := filepath.Join(dir, m.name+"-"+parts.ElasticsearchVersion+".jar")
		if err := unzipFlat(own, "META-INF/es-plugins/", dir); err != nil {
			return err
		}
		descriptor := filepath.Join(dir, "plugin-descriptor.properties")
		text, err := os.ReadFile(descriptor)
		if err != nil {
			return err
		}
		if err := os.WriteFile(descriptor, moduleName.ReplaceAll(text, []byte("modulename=")), 0o644); err != nil {
			return err
		}
	}
	lib := filepath.Join(into, "lib")
	if err := moveJars(from, lib); err != nil {
		return err
	}

	classes, err := os.MkdirTemp(filepath.Dir(into), "classes-")
	if err != nil {
		return err
	}
	classPath := filepath.Join(lib, "*")
	if err := b.compile(ctx, b.progs.java, "java/elasticsearch", javaMinimum, classPath, filepath.Join(into, "launcher")); err != nil {
		return err
	}
	saml := filepath.Join(classes, "saml")
	if err := b.compile(ctx, b.progs.java, "java/saml", javaMinimum, classPath, saml); err != nil {
		return err
	}
	if err := jar(os.DirFS(saml), filepath.Join(modules, "x-pack-security", "saml-names.jar")); err != nil {
		return err
	}
	analysis := filepath.Join(classes, "analysis")
	if err := b.compile(ctx, b.progs.java, "java/elasticsearch-analysis", javaMinimum, classPath, analysis); err != nil {
		return err
	}
	dir := filepath.Join(modules, "security-analysis")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := jar(os.DirFS(analysis), filepath.Join(dir, "security-analysis.jar")); err != nil {
		return err
	}
	descriptor := []string{
		"name=security-analysis",
		"description=text analysis that the security index needs",
		"version=" + parts.ElasticsearchVersion,
		"elasticsearch.version=" + parts.ElasticsearchVersion,
		fmt.Sprintf("java.version=%d", javaMinimum),
		"classname=dossier.stack.SecurityAnalysis",
		"modulename=",
		"extended.plugins=",
		"has.native.controller=false",
	}
	return os.WriteFile(filepath.Join(dir, "plugin-descriptor.properties"), []byte(strings.Join(descriptor, "\n")+"\n"), 0o644)
}

// eachMatch calls do with each file in dir that matches the pattern. That nothing matches is an error: the jars have changed, and this
// layout has to follow them.
func eachMatch(dir, pattern string, do func(string) error) error {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no file matches %s in %s", pattern, dir)
	}
	for _, f := range found {
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}
