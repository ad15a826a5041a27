package nats

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"
)

// minSecretBytes is the least that a secret has. Whoever connects gets a signature that a guess can be held against, so
// a secret must be beyond guessing: 32 digits of hex are 128 bits.
const minSecretBytes = 32

// maxSecretBytes bounds the file.
const maxSecretBytes = 4 << 10

// purpose is what the keys are derived for, and what certificates of nodes say. Another protocol gets another one.
const purpose = "weir cluster links 1"

// errWrongSecret is what a link ends with whose other side does not know the secret.
var errWrongSecret = errors.New("the other side does not prove that it knows the secret of the cluster")

// parseSecrets reads a secret_file: one secret, or two while one is replaced by the other.
func parseSecrets(text []byte) ([]string, error) {
	if len(text) > maxSecretBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxSecretBytes)
	}
	var secrets []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			secrets = append(secrets, line)
		}
	}
	switch {
	case len(secrets) == 0:
		return nil, errors.New(`it has no secret: write one with "openssl rand -hex 32"`)
	case len(secrets) > 2:
		return nil, fmt.Errorf("it has %d secrets: allowed are two, while one is replaced", len(secrets))
	}
	return secrets, nil
}

// Secrets are what nodes that have this secret_file know, the one that is shown first; none without a file. One that
// can be guessed is refused, also where it is what a NATS server asks for: ids that clients get are made with it, and
// guesses can be held against these.
func (o *Options) Secrets() ([]string, error) {
	if o.SecretFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.SecretFile)
	if err != nil {
		return nil, err
	}
	secrets, err := parseSecrets(text)
	if err == nil {
		err = checkStrength(secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.SecretFile, err)
	}
	return secrets, nil
}

// checkStrength tells whether secrets are beyond guessing.
func checkStrength(secrets []string) error {
	for i, secret := range secrets {
		if len(secret) < minSecretBytes {
			return fmt.Errorf(`line %d has %d characters, and one of less than %d can be guessed: write one with "openssl `+
				`rand -hex 32"`, i+1, len(secret), minSecretBytes)
		}
	}
	return nil
}

// authority is the key that everybody who knows the secret has, and nobody else: it signs the certificates of nodes.
func authority(secret string) ed25519.PrivateKey {
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, purpose, ed25519.SeedSize)
	if err != nil {
		panic(err) // only a length that SHA-256 cannot give
	}
	return ed25519.NewKeyFromSeed(seed)
}

// links says how a node proves itself to another, and how the other does. The certificate of a node is signed by the
// key of the first secret, and one that is signed by the key of any is accepted. The node's own key is made when the
// process starts and never leaves it; so a certificate needs no end, it goes with the process or with the secret.
type links struct {
	certificate tls.Certificate
	authorities []ed25519.PublicKey
}

func newLinks(node string, secrets []string) (*links, error) {
	l := &links{}
	for _, secret := range secrets {
		l.authorities = append(l.authorities, authority(secret).Public().(ed25519.PublicKey))
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: node, Organization: []string{purpose}},
		NotBefore:    time.Unix(0, 0),                                  // clocks of nodes may differ
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: purpose}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, authority(secrets[0]))
	if err != nil {
		return nil, err
	}
	l.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	return l, nil
}

// config is for both sides of a link. There are no names to verify and no authority of the world: who knows the secret
// is one of the cluster (InsecureSkipVerify leaves that to VerifyConnection, which tls calls in any case).
func (l *links) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{l.certificate},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true,
		VerifyConnection:       l.verify,
		SessionTicketsDisabled: true,
	}
}

// verify judges the other side's certificate. That the other side has its key, TLS has proven.
func (l *links) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) > 0 {
		leaf := s.PeerCertificates[0]
		for _, key := range l.authorities {
			if leaf.SignatureAlgorithm == x509.PureEd25519 && len(leaf.Subject.Organization) == 1 &&
				leaf.Subject.Organization[0] == purpose &&
				ed25519.Verify(key, leaf.RawTBSCertificate, leaf.Signature) {
				return nil
			}
		}
	}
	return errWrongSecret
}
