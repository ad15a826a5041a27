package codec

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"
	"unicode/utf8"
)

// Keys are compared in every object, because "last one wins" and "first one wins" are both common. An object's first
// maxFewKeys keys are compared with each other on the stack; with more keys, or an escaped one, it moves to a hash set.

// maxFewKeys is where comparing with all keys so far (28 comparisons for 8) gets dearer than hashing.
const maxFewKeys = 8

// fewKey is a key without escapes: its place, and a digest that is exact up to eight bytes.
type fewKey struct {
	digest   uint64
	off, len uint32
}

// digestOf returns the key's bytes for up to eight of them, else a mix of its first and last eight. raw[off+len]
// exists: it is the closing quote.
func digestOf(raw []byte, off, n int) uint64 {
	if off+8 > len(raw) {
		var w uint64
		for i, c := range raw[off : off+n] {
			w |= uint64(c) << (8 * i)
		}
		return w
	}
	w := binary.LittleEndian.Uint64(raw[off:])
	if n <= 8 { // the mix below is the same for eight bytes and for their complement
		return w & (^uint64(0) >> (64 - 8*n))
	}
	return w ^ bits.RotateLeft64(binary.LittleEndian.Uint64(raw[off+n-8:]), 29)*uint64(n-7)
}

// inFew says whether the key is among few.
func inFew(raw []byte, few []fewKey, k fewKey) bool {
	for i := range few {
		if few[i].digest == k.digest && few[i].len == k.len &&
			(k.len <= 8 || bytes.Equal(raw[few[i].off:few[i].off+k.len], raw[k.off:k.off+k.len])) {
			return true
		}
	}
	return false
}

// keySet is a hash set of the keys of all objects of one message that have many. Hashes are seeded per process, so a
// peer cannot prepare keys that collide, and a hash that collides by chance is settled by comparing the keys.
type keySet struct {
	slots []slot // a power of two, at most half full
	used  int
	// object numbers the objects over the set's whole life, so that everything from earlier objects of this message
	// keeps its slot and everything older than first counts as empty: a set is reused without being cleared.
	object, first uint32
	scratch       []byte // an unescaped key, valid until the next one
}

type slot struct {
	hash     uint32
	object   uint32
	off, len uint32 // the inside of the key's token
}

const (
	minSlots = 64
	// A set that grew beyond maxPooledSlots (64 KiB) or a scratch beyond maxPooledScratch is left to the collector: one
	// huge message must not keep memory for the life of the process.
	maxPooledSlots   = 4096
	maxPooledScratch = 4096
	maxObjects       = 1 << 31
)

var (
	keySeed = maphash.MakeSeed()
	keySets = sync.Pool{New: func() any { return &keySet{slots: make([]slot, minSlots), object: 1, first: 1} }}
)

// takeKeySet returns an empty set.
func takeKeySet() *keySet {
	k := keySets.Get().(*keySet)
	k.renew()
	return k
}

// renew empties the set.
func (k *keySet) renew() {
	k.used, k.first = 0, k.object+1
	if k.object > maxObjects { // numbers must not come round to those still in slots
		clear(k.slots)
		k.object, k.first = 1, 2
	}
}

// give hands the set back for the next message.
func (k *keySet) give() {
	if len(k.slots) <= maxPooledSlots && cap(k.scratch) <= maxPooledScratch {
		keySets.Put(k)
	}
}

// newObject returns the number under which an object's keys are added.
func (k *keySet) newObject() uint32 {
	k.object++
	return k.object
}

// add puts the key into the set of object; false means that it was there already. The key is raw[off:off+n], the inside
// of a checked string token; name is the same unescaped.
func (k *keySet) add(raw []byte, object uint32, off, n int, name []byte) bool {
	if 2*(k.used+1) > len(k.slots) {
		k.grow()
	}
	h := uint32(maphash.Bytes(keySeed, name)) ^ object*0x9e3779b1
	mask := uint32(len(k.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := &k.slots[i]
		if s.object < k.first {
			*s = slot{hash: h, object: object, off: uint32(off), len: uint32(n)}
			k.used++
			return true
		}
		if s.hash == h && s.object == object && sameText(raw[s.off:s.off+s.len], name) {
			return false
		}
	}
}

// grow doubles the table. The hashes are kept in the slots, so no key is read again.
func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]slot, 2*len(old))
	mask := uint32(len(k.slots) - 1)
	for _, s := range old {
		if s.object < k.first {
			continue
		}
		i := s.hash & mask
		for k.slots[i].object >= k.first {
			i = (i + 1) & mask
		}
		k.slots[i] = s
	}
}

// sameText says whether the inside of a checked string token, unescaped, is name. It decodes as it goes, so that keys
// that were stored long ago need no unescaped copy.
func sameText[T []byte | string](inner []byte, name T) bool {
	var one [4]byte
	for len(inner) > 0 {
		at := bytes.IndexByte(inner, '\\')
		if at < 0 {
			return string(inner) == string(name)
		}
		if len(name) < at || string(name[:at]) != string(inner[:at]) {
			return false
		}
		name = name[at:]
		r, size := escapeAt(inner[at:])
		text := utf8.AppendRune(one[:0], r)
		if size == 0 || len(name) < len(text) || string(name[:len(text)]) != string(text) {
			return false
		}
		name, inner = name[len(text):], inner[at+size:]
	}
	return len(name) == 0
}
