package event

import (
	"bytes"
	"testing"
)

// FuzzID: an id that is taken is one that was given, in the very same words.
func FuzzID(f *testing.F) {
	for _, seed := range []string{"0-0", "7-3", "4294967295-4294967295", "4294967296-0", "-", "01-1", "1-+1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, id []byte) {
		stream, number, ok := parseID(id)
		if ok && !bytes.Equal(AppendID(nil, newID(stream, number)), id) {
			t.Errorf("%q was taken for %d-%d", id, stream, number)
		}
	})
}
