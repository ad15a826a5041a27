package clientreq

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
)

// Sealer seals what a handler wants to remember while its client has it: requestState. The client may do with it what
// it likes, so it is sealed with AES-256-GCM: it cannot be read or changed, comes back only from the principal and with
// the request that it was made for (Binding), and only for a time.
//
// A sealed state is base64url of nonce, then the ciphertext of expiry (Unix seconds, 8 bytes), the elicitations (the
// length of their JSON, 4 bytes, and that), against which the answers are checked that come with it, and state. It may
// be sent again within its time: a handler that must act only once has to remember that itself. Safe for concurrent
// use.
type Sealer struct {
	aeads   []cipher.AEAD // the first one seals
	ttl     time.Duration
	refused [stateRefusals]*metrics.Counter
}

// keyBytes is the length of a key, before hex.
const keyBytes = 32

var errKey = errors.New("not such a key: allowed is 64 hexadecimal digits (32 random bytes: openssl rand -hex 32), " +
	`or "" (a key of this process alone)`)

// CheckKey says what is wrong with a key for NewSealer, without repeating it: it is a secret.
func CheckKey(text string) error {
	_, err := parseKey(text)
	return err
}

func parseKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != keyBytes {
		return nil, errKey
	}
	return key, nil
}

// NewSealer makes a sealer of keys that CheckKey has found good: the first seals, each opens. An empty one is replaced
// by a random one. ttl is for how long a state is taken back. The series are counted in set.
func NewSealer(keys []string, ttl time.Duration, set *metrics.Set) *Sealer {
	s := &Sealer{ttl: ttl}
	for _, key := range keys {
		raw, err := parseKey(key)
		if err != nil {
			raw = make([]byte, keyBytes)
			rand.Read(raw) // never fails
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			panic(err) // of the wrong length, which it is not
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic(err)
		}
		s.aeads = append(s.aeads, aead)
	}
	newCounters(s.refused[:], set, `weir_request_state_refused_total`, stateRefusalNames[:])
	return s
}

// stateForm is part of what is authenticated: a state of another form, by another version of the program, is refused.
const stateForm = 2

const (
	expiryBytes = 8
	lengthBytes = 4
)

// Seal appends the sealed state for a request with this binding, which asks for these elicitations.
func (s *Sealer) Seal(dst []byte, state string, elicited Elicited, binding []byte) []byte {
	var checks []byte
	if len(elicited) > 0 {
		checks, _ = json.Marshal(elicited) // of JSON already, so it does not fail
	}
	aead := s.aeads[0]
	nonce := make([]byte, aead.NonceSize(),
		aead.NonceSize()+expiryBytes+lengthBytes+len(checks)+len(state)+aead.Overhead())
	rand.Read(nonce) // never fails; random nonces of 96 bits are good for 2^32 states per key
	plain := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(s.ttl).Unix()))
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(checks)))
	plain = append(append(plain, checks...), state...)
	return base64.RawURLEncoding.AppendEncode(dst, aead.Seal(nonce, nonce, plain, append(binding, stateForm)))
}

// Open returns what Seal was given, if it was given it for the same binding.
func (s *Sealer) Open(sealed, binding []byte) (state string, elicited Elicited, _ *codec.Error) {
	raw, err := base64.RawURLEncoding.DecodeString(string(sealed))
	n := s.aeads[0].NonceSize()
	if err != nil || len(raw) < n {
		s.refused[stateTampered].Inc()
		return "", nil, ErrState
	}
	var plain []byte
	for _, aead := range s.aeads {
		if plain, err = aead.Open(nil, raw[:n], raw[n:], append(binding, stateForm)); err == nil {
			break
		}
	}
	if err != nil {
		s.refused[stateTampered].Inc()
		return "", nil, ErrState
	}
	if time.Now().Unix() > int64(binary.BigEndian.Uint64(plain)) {
		s.refused[stateExpired].Inc()
		return "", nil, errStateExpired
	}
	rest := plain[expiryBytes+lengthBytes:]
	checks := rest[:binary.BigEndian.Uint32(plain[expiryBytes:])]
	if len(checks) > 0 && json.Unmarshal(checks, &elicited) != nil {
		return "", nil, ErrState
	}
	return string(rest[len(checks):]), elicited, nil
}

// Binding digests what a request must have in common with the one it repeats, the principal first: a state that was
// made for one is taken back only with the other. A client may have encoded its request anew, so tokens, which are
// checked JSON or nil, are brought into one form first.
func Binding(principal string, tokens ...[]byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(principal))))
	h.Write([]byte(principal))
	for _, token := range tokens {
		canonical := canonicalJSON(token)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(canonical))))
		h.Write(canonical)
	}
	return h.Sum(nil)
}

// canonicalJSON encodes a checked JSON text with its members sorted and without spaces; numbers stay as they were.
func canonicalJSON(token []byte) []byte {
	if token == nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(token))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return token
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return token
	}
	return encoded
}
