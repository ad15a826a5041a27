package remote

import (
	"errors"
	"io"
	"sync/atomic"
)

// Account bounds what bodies and events hold that have not come whole, by the capacity of their buffers: that of one
// message times the connections would be far more than a mount may hold. Concurrent.
type Account struct {
	Most int // bytes
	held atomic.Int64
}

// Bytes is what is held now.
func (a *Account) Bytes() int { return int(a.held.Load()) }

// errFull is a body for which there is no room.
var errFull = errors.New("answers that have not come whole hold as much as they may (max_bytes)")

const (
	firstBytes = 512
	// keptBytes is the capacity that a stream keeps between its events.
	keptBytes = 64 << 10
)

// append appends text to b, whose capacity is on the account. Without room b is as it was.
func (a *Account) append(b, text []byte) ([]byte, error) {
	if need := len(b) + len(text); need > cap(b) {
		grown := max(firstBytes, 2*cap(b), need)
		if more := int64(grown - cap(b)); a.held.Add(more) > int64(a.Most) {
			a.held.Add(-more)
			return b, errFull
		}
		b = append(make([]byte, 0, grown), b...)
	}
	return append(b, text...), nil
}

// free takes b off the account.
func (a *Account) free(b []byte) { a.held.Add(-int64(cap(b))) }

// read reads a body of up to most bytes, which is on the account until it is freed; longer: it has more.
func (a *Account) read(from io.Reader, most int) (body []byte, longer bool, err error) {
	var part [8 << 10]byte
	for {
		n, err := from.Read(part[:])
		if len(body)+n > most {
			return body, true, nil
		}
		var full error
		if body, full = a.append(body, part[:n]); full != nil {
			return body, false, full
		}
		switch {
		case err == io.EOF:
			return body, false, nil
		case err != nil:
			return body, false, err
		}
	}
}
