package doors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes one for loopback, signed by itself, and writes it and its key to files, and both to a third.
func certificate(t *testing.T) (pool *x509.CertPool, cert, key, both string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	hidden := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	folder := t.TempDir()
	cert, key, both = filepath.Join(folder, "c.pem"), filepath.Join(folder, "c.key"), filepath.Join(folder, "b.pem")
	must(t, os.WriteFile(cert, public, 0o600))
	must(t, os.WriteFile(key, hidden, 0o600))
	must(t, os.WriteFile(both, append(public, hidden...), 0o600))
	return pool, cert, key, both
}

// TestBalancersSpeakTLS: with the lines for TLS that the deployed files have commented out, what clients do works over
// HTTP/1.1 and HTTP/2; Caddy takes the certificate in a line of its own.
func TestBalancersSpeakTLS(t *testing.T) {
	t.Parallel()
	pool, cert, key, both := certificate(t)
	in := map[string]func(text string) string{
		"nginx": func(text string) string {
			text = strings.Replace(text, "    listen 127.0.0.1:8000;\n", "", 1)
			return strings.NewReplacer("#listen 443 ", "listen 127.0.0.1:8000 ", "#ssl_", "ssl_", "/etc/nginx/mcp.pem", cert,
				"/etc/nginx/mcp.key", key).Replace(text)
		},
		"haproxy": func(text string) string {
			text = strings.Replace(text, "    bind 127.0.0.1:8000\n", "", 1)
			return strings.NewReplacer("#bind :443 ", "bind 127.0.0.1:8000 ", "/etc/haproxy/mcp.pem", both).Replace(text)
		},
		"caddy": func(text string) string {
			return strings.Replace(text, "http://:8000 {\n", "https://:8000 {\n\ttls "+cert+" "+key+"\n", 1)
		},
	}
	for _, b := range balancers {
		encrypt := in[b.name]
		if encrypt == nil {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			encrypted := b
			encrypted.config = func(t *testing.T) string { return encrypt(b.config(t)) }
			address := encrypted.before(t, s.http(), 1)
			for _, two := range []bool{false, true} {
				c := newClient(t, address)
				c.url = "https://" + address + "/mcp"
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: two}
				t.Cleanup(transport.CloseIdleConnections)
				c.http.Transport = transport
				c.calls()
				c.streams(s)
				r, err := c.modern(t.Context(), "echo", `{"message":"x"}`)
				must(t, err)
				if whole(t, r); (r.ProtoMajor == 2) != two {
					t.Errorf("it was %s", r.Proto)
				}
			}
		})
	}
}
