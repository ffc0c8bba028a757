package native

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"dossier/test/stack/parts"

	"golang.org/x/crypto/bcrypt"
)

// securityPlugin is the class by which OpenSearch knows its security plugin.
const securityPlugin = "org.opensearch.security.OpenSearchSecurityPlugin"

func (b *Backend) openSearch() server {
	url := "http://" + b.address(parts.OpenSearch) + healthy
	return server{
		command: b.openSearchCommand(parts.OpenSearch, "", nil, ""),
		ready:   func(ctx context.Context) error { return answersJSON(ctx, url, "", "") },
	}
}

// openSearchSecure is a node with security. Nodes always speak TLS among themselves, so even a single one has a certificate.
func (b *Backend) openSearchSecure() server {
	plugin, password := b.component(openSearchSecurityComponent), parts.OpenSearchPassword(b.elastic)
	config := filepath.Join(b.home(parts.OpenSearchSecure), "data", "node_1", "config")
	settings := append(parts.OpenSearchSecuritySettings(),
		parts.Setting{Key: "plugins.security.ssl.transport.pemcert_filepath", Value: "node.pem"},
		parts.Setting{Key: "plugins.security.ssl.transport.pemkey_filepath", Value: "node-key.pem"},
		parts.Setting{Key: "plugins.security.ssl.transport.pemtrustedcas_filepath", Value: "node.pem"},
		parts.Setting{Key: "plugins.security.ssl.transport.enforce_hostname_verification", Value: "false"})
	url := "http://" + b.address(parts.OpenSearchSecure) + healthy
	return server{
		initialise: func(context.Context) error {
			initial := filepath.Join(config, "opensearch-security")
			if err := os.MkdirAll(filepath.Dir(initial), 0o755); err != nil {
				return err
			}
			if err := os.CopyFS(initial, os.DirFS(filepath.Join(plugin, "config"))); err != nil {
				return err
			}
			hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
			if err != nil {
				return err
			}
			users := fmt.Sprintf("_meta: {type: internalusers, config_version: 2}\n%s: {hash: %q, reserved: true, backend_roles: [admin]}\n", parts.OpenSearchUser, hash)
			if err := os.WriteFile(filepath.Join(initial, "internal_users.yml"), []byte(users), 0o644); err != nil {
				return err
			}
			if err := writeNodeCertificate(filepath.Join(config, "node.pem"), filepath.Join(config, "node-key.pem")); err != nil {
				return err
			}
			for _, dir := range []string{filepath.Join(config, "..", ".."), filepath.Join(config, ".."), config, initial} {
				if err := b.as.own(dir); err != nil {
					return err
				}
			}
			return nil
		},
		command: b.openSearchCommand(parts.OpenSearchSecure, securityPlugin, settings, filepath.Join(plugin, "*")),
		ready:   func(ctx context.Context) error { return answersJSON(ctx, url, parts.OpenSearchUser, password) },
	}
}

func (b *Backend) openSearchCommand(p parts.Part, plugins string, more []parts.Setting, morePath string) command {
	lib := b.component(openSearchComponent)
	settings := append(append(parts.OpenSearchSettings(), more...),
		parts.Setting{Key: "network.host", Value: "127.0.0.1"},
		parts.Setting{Key: "http.port", Value: fmt.Sprint(b.ports[p].client)},
		parts.Setting{Key: "transport.port", Value: fmt.Sprint(b.ports[p].internal)})
	classPath := filepath.Join(lib, "lib", "*") + string(os.PathListSeparator) + filepath.Join(lib, "launcher")
	if morePath != "" {
		classPath += string(os.PathListSeparator) + morePath
	}
	// The second compiler does not pay for itself in the minutes that tests take: without it a node costs a third less CPU.
	args := append([]string{"-XX:TieredStopAtLevel=1", "-cp", classPath, "dossier.stack.OpenSearchLauncher", filepath.Join(b.home(p), "data"), plugins}, arguments(settings)...)
	return b.javaCommand(p, filepath.Join(b.progs.javaOpenSearch, "bin", "java"), args...)
}

// jarVersion begins the version in the name of a jar.
var jarVersion = regexp.MustCompile(`-\d.*$`)

// layOpenSearchSecurity unpacks the plugin for the node's own class path, without the jars that the node has already.
func layOpenSearchSecurity(_ context.Context, b builder, fetched map[string]string, into string) error {
	from := fetched[profileOpenSearchSecurity]
	archives, err := filepath.Glob(filepath.Join(from, "*.zip"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("want one archive of the security plugin, got %v", archives)
	}
	if err := unzipFlat(archives[0], "config/", filepath.Join(into, "config")); err != nil {
		return err
	}
	if err := unzipFlat(archives[0], "", from); err != nil {
		return err
	}
	return eachMatch(from, "*.jar", func(jar string) error {
		artifact := jarVersion.ReplaceAllString(filepath.Base(jar), "")
		same, err := filepath.Glob(filepath.Join(b.cache, openSearchComponent.name, "lib", artifact+"-[0-9]*.jar"))
		if err != nil || len(same) > 0 {
			return err
		}
		return os.Rename(jar, filepath.Join(into, filepath.Base(jar)))
	})
}

// writeNodeCertificate makes a key and a certificate that is its own authority.
func writeNodeCertificate(certificate, key string) error {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o644)
}
