package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"dossier/internal/config"
)

// kafkaOptions returns how to reach the brokers: addresses, encryption, authentication.
func kafkaOptions(k config.Kafka) ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(k.Brokers...), kgo.ClientID(k.ClientID)}
	encryption, err := tlsConfig("kafka.tls", k.TLS)
	if err != nil {
		return nil, err
	}
	if encryption != nil {
		options = append(options, kgo.DialTLSConfig(encryption))
	}
	if k.SASL != nil {
		options = append(options, kgo.SASL(mechanism(k.SASL)))
	}
	return options, nil
}

func mechanism(s *config.SASL) sasl.Mechanism {
	switch s.Mechanism {
	case "plain":
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism()
	}
	return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism()
}

// tlsConfig returns how a connection is encrypted; nil for one that is not. key is the section's name, for errors.
func tlsConfig(key string, t *config.TLS) (*tls.Config, error) {
	if t == nil || !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, misuse("%s.ca_file: %w", key, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misuse("%s.ca_file: %s holds no PEM certificate", key, t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, misuse("%s.cert_file, %s.key_file: %w", key, key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// newKafkaClient returns a client for a command that looks at topics or writes a few records.
func newKafkaClient(c *config.Config, more ...kgo.Opt) (*kgo.Client, error) {
	options, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

// unreachable says which address a command waited for in vain, where its time was up.
func unreachable(err error, what string, addresses []string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s at %s does not answer in time: %w; is it running, and are address, TLS and credentials right?", what, strings.Join(addresses, ", "), err)
	}
	return err
}

// contextWithTimeout bounds a command's waiting.
func contextWithTimeout(cmd *cobra.Command, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmp.Or(cmd.Context(), context.Background()), limit)
}
