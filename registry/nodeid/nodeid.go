package nodeid

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// Kind is what an id is of. An id of one kind is none of another.
type Kind byte

// The kinds.
const (
	Session Kind = 's' // of Streamable HTTP
	Stream  Kind = 'e' // of the HTTP+SSE transport
	Task    Kind = 't'
)

// Whose says what an id is for who reads it.
type Whose uint8

// What an id may be.
const (
	None   Whose = iota // no id that a node of this cluster has made
	Mine                // this node has made it
	Theirs              // another node has made it
)

// Bounds of the parts.
const (
	MaxNameBytes = 64
	randomBytes  = 26 // of rand.Text
	macBytes     = 10
	macText      = macBytes * 8 / 5
)

// MaxSecrets is how many secrets are accepted at once: the one that is used, and the one before.
const MaxSecrets = 2

// Maker makes the ids of one node and reads those of all. A nil Maker is a server that is no node: its ids are random
// text alone, and all are its own. Safe for concurrent use.
type Maker struct {
	node    string
	secrets [][]byte
	macs    []cipher.Block // of the secrets, in their order
	work    sync.Pool      // *scratch
}

// scratch is what a MAC is worked out in. The cipher is behind an interface, so that what it is given would be
// allocated each time.
type scratch struct {
	block [aes.BlockSize]byte
	text  [macText]byte
}

// public stands for the secret of a cluster that has none.
const public = "a cluster without a secret"

// New makes a Maker of the node with this name (CheckName). The first secret makes ids, each of them is good for
// reading. A secret has 16 bytes at least. Without one the MAC keeps mistakes from leaving a node and no attacker, and
// there are no StateKeys.
func New(node string, secrets ...[]byte) (*Maker, error) {
	if err := CheckName(node); err != nil {
		return nil, err
	}
	if len(secrets) > MaxSecrets {
		return nil, fmt.Errorf("%d secrets: allowed are at most %d", len(secrets), MaxSecrets)
	}
	m := &Maker{node: node, secrets: secrets}
	if len(secrets) == 0 {
		secrets = [][]byte{[]byte(public)}
	}
	m.work.New = func() any { return new(scratch) }
	for _, secret := range secrets {
		if len(secret) < aes.BlockSize {
			return nil, fmt.Errorf("a secret of %d bytes: allowed are %d or more", len(secret), aes.BlockSize)
		}
		block, err := aes.NewCipher(derive(secret, "weir id", aes.BlockSize))
		if err != nil {
			return nil, err
		}
		m.macs = append(m.macs, block)
	}
	return m, nil
}

var errName = errors.New("not a name for a node: allowed are 1 to 64 letters, digits, - and _")

// CheckName says what is wrong with a node's name, which must not end too early in an id.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > MaxNameBytes {
		return errName
	}
	for _, c := range []byte(name) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return errName
		}
	}
	return nil
}

// derive makes a key for one purpose of a secret.
func derive(secret []byte, purpose string, n int) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, n)
	if err != nil {
		panic(err) // of a length that cannot be, which n is not
	}
	return key
}

// StateKeys are the keys that seal requestState on every node of the cluster, in hex: the first seals, each opens. A
// nil Maker has none.
func (m *Maker) StateKeys() (keys []string) {
	if m == nil {
		return nil
	}
	for _, secret := range m.secrets {
		keys = append(keys, hex.EncodeToString(derive(secret, "weir requestState", sha256.Size)))
	}
	return keys
}

// Node is the node's name; "" for a server that is none.
func (m *Maker) Node() string {
	if m == nil {
		return ""
	}
	return m.node
}

// Make makes a new id.
func (m *Maker) Make(k Kind) string {
	random := rand.Text()
	if m == nil {
		return random
	}
	id := make([]byte, 0, len(m.node)+len(random)+macText+2)
	id = append(append(append(id, m.node...), '.'), random...)
	s := m.work.Get().(*scratch)
	defer m.work.Put(s)
	s.mac(m.macs[0], k, id)
	return string(append(append(id, '.'), s.text[:]...))
}

// Read says whose an id is; node, a part of id, is its node's name unless it is None.
func (m *Maker) Read(k Kind, id []byte) (whose Whose, node []byte) {
	if m == nil {
		return Mine, nil
	}
	at := len(id) - macText - 1
	dot := at - randomBytes - 1
	if dot < 1 || dot > MaxNameBytes || id[dot] != '.' || id[at] != '.' {
		return None, nil
	}
	s := m.work.Get().(*scratch)
	defer m.work.Put(s)
	for _, key := range m.macs {
		s.mac(key, k, id[:at])
		if subtle.ConstantTimeCompare(s.text[:], id[at+1:]) == 1 {
			if node = id[:dot]; bytes.Equal(node, []byte(m.node)) {
				return Mine, node
			}
			return Theirs, node
		}
	}
	return None, nil
}

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// mac makes s.text the MAC of named, an id without it. It is CBC-MAC over the length, the kind and the id, which is
// good for messages of which none begins another (Petrank, Rackoff): the length comes first.
func (s *scratch) mac(key cipher.Block, k Kind, named []byte) {
	b := s.block[:]
	clear(b)
	b[0], b[1] = byte(len(named)), byte(k)
	at := 2
	for len(named) > 0 {
		n := subtle.XORBytes(b[at:], b[at:], named)
		named, at = named[n:], 0
		key.Encrypt(b, b)
	}
	encoding.Encode(s.text[:], b[:macBytes])
}
