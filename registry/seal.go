package registry

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

	"weir/codec"
)

// What a handler wants to remember goes to the client and comes back: requestState. The client may do with it what it
// likes, so it is sealed with AES-256-GCM: it cannot be read or changed, comes back only from the principal and with the
// request that it was made for (method, name or URI, arguments), and only for Options.StateTTL.
//
// A sealed state is base64url of nonce, then the ciphertext of expiry (Unix seconds, 8 bytes) and state. It may be sent
// again within its time: a handler that must act only once has to remember that itself.

// stateKeyBytes is the length of Options.StateKey, in bytes before hex.
const stateKeyBytes = 32

var errStateKey = errors.New("not such a key: allowed is 64 hexadecimal digits (32 random bytes: openssl rand -hex 32), " +
	`or "" (a key of this process alone)`)

func parseStateKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != stateKeyBytes {
		return nil, errStateKey
	}
	return key, nil
}

// newSealer makes the cipher of a checked key; an empty one is replaced by a random one.
func newSealer(text string) cipher.AEAD {
	key, err := parseStateKey(text)
	if err != nil {
		key = make([]byte, stateKeyBytes)
		rand.Read(key) // never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // of the wrong length, which it is not
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// sealState appends the sealed state of x's handler.
func (r *Registry) sealState(dst []byte, x *Exchange, state string) []byte {
	nonce := make([]byte, r.sealer.NonceSize(), r.sealer.NonceSize()+8+len(state)+r.sealer.Overhead())
	rand.Read(nonce) // never fails; random nonces of 96 bits are good for 2^32 states per key
	plain := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(r.opt.StateTTL).Unix()))
	plain = append(plain, state...)
	return base64.RawURLEncoding.AppendEncode(dst, r.sealer.Seal(nonce, nonce, plain, x.sealedFor()))
}

// openState returns what sealState was given, if it was given it for the same request.
func (r *Registry) openState(x *Exchange, sealed []byte) (string, *codec.Error) {
	raw, err := base64.RawURLEncoding.DecodeString(string(sealed))
	n := r.sealer.NonceSize()
	if err != nil || len(raw) < n {
		r.m.stateRefused[stateTampered].Inc()
		return "", errRequestState
	}
	plain, err := r.sealer.Open(nil, raw[:n], raw[n:], x.sealedFor())
	if err != nil || len(plain) < 8 {
		r.m.stateRefused[stateTampered].Inc()
		return "", errRequestState
	}
	if time.Now().Unix() > int64(binary.BigEndian.Uint64(plain)) {
		r.m.stateRefused[stateExpired].Inc()
		return "", errStateExpired
	}
	return string(plain[8:]), nil
}

// sealedFor digests what a request must have in common with the one it repeats, the principal first. A client may have
// encoded its arguments anew, so their text is brought into one form first.
func (x *Exchange) sealedFor() []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(x.Principal))))
	h.Write([]byte(x.Principal))
	for _, token := range [][]byte{x.Env.Method.Of(x.Raw), x.Env.Name.Of(x.Raw), x.Env.URI.Of(x.Raw), x.Env.Arguments.Of(x.Raw)} {
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
