// Package compose checks the example for people with Docker as far as it can be checked without one: that the file is a valid compose file, that its
// parts are those of the tests, and that what its services are told of each other is true.
package compose

import (
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dossier/connectors"
	"dossier/internal/config"
	"dossier/test/stack/docker/images"
	"dossier/test/stack/parts"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads the file as `docker compose` does, with these variables and no .env. It is validated against the schema of the Compose specification.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return project
}

// service gives one service of the file.
func service(t *testing.T, project *types.Project, name string) types.ServiceConfig {
	t.Helper()
	s, err := project.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// environment gives what a service's processes see.
func environment(t *testing.T, s types.ServiceConfig) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, value := range s.Environment {
		if value == nil {
			t.Errorf("%s: %s has no value", s.Name, name)
			continue
		}
		out[name] = *value
	}
	return out
}

// kafkaInside is where the other containers reach the broker.
var kafkaInside = net.JoinHostPort("kafka", strconv.Itoa(images.KafkaInsidePort))

// TestPartsAreThoseOfTheTests compares versions and settings with the one place that has them.
func TestPartsAreThoseOfTheTests(t *testing.T) {
	project := load(t)
	for _, p := range parts.Pipeline() {
		s := service(t, project, string(p))
		want := parts.Images[p]
		if p == parts.Registry {
			// The tests' variant forgets its schemas at its end.
			want = strings.Replace(want, "apicurio-registry-mem:", "apicurio-registry-kafkasql:", 1)
		}
		if s.Image != want {
			t.Errorf("%s: image %s, want %s", p, s.Image, want)
		}
		if s.Hostname != string(p) {
			t.Errorf("%s: hostname %q", p, s.Hostname)
		}
	}
	registry := images.RegistryEnvironment()
	registry["KAFKA_BOOTSTRAP_SERVERS"] = kafkaInside
	elastic := environment(t, service(t, project, "elasticsearch"))["ELASTIC_PASSWORD"]
	for p, want := range map[parts.Part]map[string]string{
		parts.Kafka:         images.KafkaEnvironment("127.0.0.1:9092", kafkaInside),
		parts.Connect:       images.ConnectEnvironment(kafkaInside, "connect"),
		parts.Registry:      registry,
		parts.Elasticsearch: images.ElasticsearchEnvironment(elastic),
	} {
		got := environment(t, service(t, project, string(p)))
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if value, ok := got[name]; !ok || value != want[name] {
				t.Errorf("%s: %s is %q, want %q", p, name, value, want[name])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[name]; !ok {
				t.Errorf("%s: %s=%s is not among the settings of package parts", p, name, got[name])
			}
		}
	}
	if got, want := service(t, project, "postgres").Command, images.PostgresArguments(parts.PostgresSettings()); !slices.Equal(got, want) {
		t.Errorf("postgres: command %v, want %v", got, want)
	}
}

// TestPortsStayOnThisMachine: the parts have passwords that everybody can read here, or none.
func TestPortsStayOnThisMachine(t *testing.T) {
	project := load(t)
	taken := map[string]string{}
	for _, s := range project.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published on %q", s.Name, port.Published, port.HostIP)
			}
			if other, ok := taken[port.Published]; ok {
				t.Errorf("%s and %s both publish port %s", other, s.Name, port.Published)
			}
			taken[port.Published] = s.Name
		}
	}
	for _, p := range parts.Pipeline() {
		ports := service(t, project, string(p)).Ports
		if len(ports) != 1 || int(ports[0].Target) != parts.Ports[p] {
			t.Errorf("%s: publishes %v, want its port %d", p, ports, parts.Ports[p])
		}
	}
}

// TestOrderOfStart: what waits for a healthy service needs a health check there, and everything waits for what it asks at its start.
func TestOrderOfStart(t *testing.T) {
	project := load(t)
	for _, s := range project.Services {
		for on, d := range s.DependsOn {
			other := service(t, project, on)
			if d.Condition == types.ServiceConditionHealthy && (other.HealthCheck == nil || other.HealthCheck.Disable || len(other.HealthCheck.Test) < 2) {
				t.Errorf("%s waits for %s to be healthy, which nothing checks", s.Name, on)
			}
			if d.Condition == types.ServiceConditionCompletedSuccessfully && other.Restart != "" && other.Restart != types.RestartPolicyNo {
				t.Errorf("%s waits for %s to end, which is started again and again", s.Name, on)
			}
		}
	}
	needs := map[string]map[string]string{
		"setup":      {"kafka": types.ServiceConditionHealthy, "elasticsearch": types.ServiceConditionHealthy},
		"connectors": {"connect": types.ServiceConditionHealthy, "postgres": types.ServiceConditionHealthy},
		"processor":  {"setup": types.ServiceConditionCompletedSuccessfully},
		"sink":       {"setup": types.ServiceConditionCompletedSuccessfully},
	}
	for _, p := range parts.Pipeline() {
		for _, need := range p.Needs() {
			needs[string(p)] = map[string]string{string(need): types.ServiceConditionHealthy}
		}
	}
	for name, want := range needs {
		s := service(t, project, name)
		for on, condition := range want {
			if got := s.DependsOn[on].Condition; got != condition {
				t.Errorf("%s depends on %s with condition %q, want %s", name, on, got, condition)
			}
		}
	}
}

// TestDataOutliveTheContainers: the directories in which the images keep their data are on named volumes.
func TestDataOutliveTheContainers(t *testing.T) {
	project := load(t)
	for name, dir := range map[string]string{"postgres": "/var/lib/postgresql/data", "kafka": images.KafkaDataDir, "elasticsearch": "/usr/share/elasticsearch/data"} {
		found := slices.ContainsFunc(service(t, project, name).Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && v.Source != "" && v.Target == dir
		})
		if !found {
			t.Errorf("%s: no named volume at %s", name, dir)
		}
	}
}

// TestMountedFilesExist: the engine makes an empty directory of a file that is not there.
func TestMountedFilesExist(t *testing.T) {
	for _, s := range load(t).Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if info, err := os.Stat(v.Source); err != nil || info.IsDir() {
				t.Errorf("%s: %s is no file: %v", s.Name, v.Source, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s: %s can be written to", s.Name, v.Source)
			}
		}
	}
}

// own are the services that run Dossier.
var own = []string{"setup", "connectors", "processor", "sink"}

// TestOwnImage: Dossier's services are one image, built from this repository, without rights that it does not need.
func TestOwnImage(t *testing.T) {
	project := load(t)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range own {
		s := service(t, project, name)
		if s.Build == nil || s.Build.Context != root || s.Image != "dossier:local" {
			t.Errorf("%s: image %s, built from %+v", name, s.Image, s.Build)
			continue
		}
		if !strings.Contains(string(dockerfile), " AS "+s.Build.Target+"\n") {
			t.Errorf("%s: the Dockerfile has no stage %q", name, s.Build.Target)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: has more rights than it needs", name)
		}
	}
	for _, name := range []string{"processor", "sink"} {
		if check := service(t, project, name).HealthCheck; check == nil || !slices.Equal(check.Test, []string{"CMD", "/dossier", "probe", "--ready"}) {
			t.Errorf("%s: checked by %v", name, check)
		}
	}
	if grace := service(t, project, "processor").StopGracePeriod; grace == nil || grace.String() != "40s" {
		t.Errorf("processor: stop_grace_period %v, want more than the 30 s in which it drains", grace)
	}
}

// TestConfigurationHasNoFault loads dossier.yaml as each service does, and follows its addresses.
func TestConfigurationHasNoFault(t *testing.T) {
	project := load(t)
	for _, name := range []string{"setup", "processor", "sink"} {
		s := service(t, project, name)
		mounted := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
			return filepath.Base(v.Source) == "dossier.yaml" && v.Target == "/etc/dossier/dossier.yaml"
		})
		if !mounted {
			t.Errorf("%s: dossier.yaml is not mounted where the image looks for it", name)
		}
		c := configuration(t, s)
		var refs []string
		refs = append(refs, c.Kafka.Brokers...)
		for _, address := range append([]string{c.SchemaRegistry.URL}, c.Sink.Elasticsearch.Addresses...) {
			refs = append(refs, hostOf(t, address))
		}
		for _, ref := range refs {
			resolves(t, project, name, ref)
		}
		if _, port, err := net.SplitHostPort(c.Serve.Listen); err != nil || name != "setup" && port != strconv.Itoa(int(s.Ports[0].Target)) {
			t.Errorf("%s: listens on %s, and the published port is %v", name, c.Serve.Listen, s.Ports)
		}
	}
	setup := configuration(t, service(t, project, "setup")).Sink.Elasticsearch
	elastic := environment(t, service(t, project, "elasticsearch"))
	if setup.Setup == nil || setup.Setup.Username != parts.ElasticUser || setup.Setup.Password.Reveal() != elastic["ELASTIC_PASSWORD"] {
		t.Error("setup does not know the store's superuser")
	}
	if sink := configuration(t, service(t, project, "sink")).Sink.Elasticsearch; sink.Setup != nil || sink.Username == parts.ElasticUser {
		t.Error("the sink knows the store's superuser")
	}
}

// configuration loads dossier.yaml with the environment of a service, and refuses warnings as well.
func configuration(t *testing.T, s types.ServiceConfig) *config.Config {
	t.Helper()
	var environ []string
	for name, value := range environment(t, s) {
		environ = append(environ, name+"="+value)
	}
	c, err := config.Load("dossier.yaml", environ, config.NeedSources|config.NeedStore)
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	for _, w := range c.Warnings {
		t.Errorf("%s: %s", s.Name, w)
	}
	return c
}

// hostOf is the host:port of a URL.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		t.Fatalf("%s: no URL with a port: %v", address, err)
	}
	return u.Host
}

// resolves checks that an address leads to a service of the file, on a port on which that listens for other containers.
func resolves(t *testing.T, project *types.Project, who, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Errorf("%s: %q is no host:port: %v", who, address, err)
		return
	}
	s, err := project.GetService(host)
	if err != nil {
		t.Errorf("%s looks for %s, and there is no service %s", who, address, host)
		return
	}
	if host == "kafka" {
		// The published port leads back to the host, see the advertised listeners.
		if address != kafkaInside {
			t.Errorf("%s looks for %s; containers reach the broker at %s", who, address, kafkaInside)
		}
		return
	}
	if len(s.Ports) != 1 || strconv.Itoa(int(s.Ports[0].Target)) != port {
		t.Errorf("%s looks for %s, and %s listens on %v", who, address, host, s.Ports)
	}
}

// TestConnectorIsWhole fills the shipped connectors from the environment of the service that deploys them.
func TestConnectorIsWhole(t *testing.T) {
	for _, file := range []string{"postgres-json.json", "postgres-avro.json"} {
		t.Run(file, func(t *testing.T) {
			project := load(t, "DOSSIER_CONNECTOR="+file)
			s := service(t, project, "connectors")
			if got := s.Command[len(s.Command)-1]; got != file {
				t.Fatalf("deploys %s", got)
			}
			env := environment(t, s)
			resolves(t, project, s.Name, hostOf(t, env["DOSSIER_CONNECT_URL"]))
			resolves(t, project, s.Name, hostOf(t, env["DOSSIER_CONVERTER_REGISTRY_URL"]))
			if got, want := env["DOSSIER_CONVERTER_REGISTRY_URL"], parts.RegistryNativePath; !strings.HasSuffix(got, want) {
				t.Errorf("the converters are sent to %s, their interface is %s", got, want)
			}
			c, err := connectors.Load(file, func(name string) (string, bool) { value, ok := env[name]; return value, ok })
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range connectors.Validate(c) {
				// Of Apicurio's converter there is a warning that no setting helps against; the example has no column that it speaks of.
				if f.Severity == connectors.Error || f.Key != "value.converter" {
					t.Errorf("%s", f)
				}
			}
			postgres := environment(t, service(t, project, "postgres"))
			values := c.Values()
			resolves(t, project, s.Name, net.JoinHostPort(values["database.hostname"], values["database.port"]))
			source := configuration(t, service(t, project, "processor")).Sources[0]
			for key, want := range map[string]string{
				"database.dbname":               postgres["POSTGRES_DB"],
				"database.user":                 "dossier_capture",
				"database.password":             postgres["DOSSIER_CAPTURE_PASSWORD"],
				"topic.prefix":                  source.Name,
				"unavailable.value.placeholder": source.UnavailablePlaceholder,
			} {
				if values[key] != want {
					t.Errorf("%s is %q, want %q", key, values[key], want)
				}
			}
		})
	}
}

// TestVariables: each variable of .env.example reaches what it is for, and an empty one leaves the default.
func TestVariables(t *testing.T) {
	text, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	var names, set, empty []string
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "=")
		if !ok || strings.Contains(name, " ") {
			continue
		}
		names, set, empty = append(names, name), append(set, name+"=given-"+name), append(empty, name+"=")
	}
	if len(names) < 6 {
		t.Fatalf("found only %v", names)
	}
	marshal := func(env []string) string {
		out, err := load(t, env...).MarshalYAML()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	given := marshal(set)
	for _, name := range names {
		if !strings.Contains(given, "given-"+name) {
			t.Errorf("%s changes nothing", name)
		}
	}
	if marshal(empty) != marshal(nil) {
		t.Error("an empty variable is not the same as none")
	}
}
