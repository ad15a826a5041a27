package remote

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// An event stream, as others write it (HTML, 9.2.6): lines that end with CR, LF or both, comments between, data in any
// number of lines.

type event struct {
	data []byte // valid until the next
	name string
	long bool // its data was above the limit, and is cut
}

type events struct {
	in  *bufio.Reader
	max int // bytes of data

	account *Account // of line and data

	lastID  string
	retry   time.Duration // what the server asks for; 0: nothing
	line    []byte
	data    []byte
	afterCR bool
}

// maxField is what a field has beside its data's limit.
const maxField = 1 << 10

// readLine reads a line into e.line. What is above the limit is left out.
func (e *events) readLine() error {
	e.line = e.line[:0]
	for {
		if _, err := e.in.Peek(1); err != nil {
			return err
		}
		b, _ := e.in.Peek(e.in.Buffered())
		if e.afterCR {
			e.afterCR = false
			if b[0] == '\n' {
				_, _ = e.in.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(b, "\r\n")
		text := b
		if end >= 0 {
			text = b[:end]
		}
		if room := e.max + maxField - len(e.line); len(text) > room {
			text = text[:room]
		}
		var err error
		if e.line, err = e.account.append(e.line, text); err != nil {
			return err
		}
		if end < 0 {
			_, _ = e.in.Discard(len(b))
			continue
		}
		e.afterCR = b[end] == '\r'
		_, _ = e.in.Discard(end + 1)
		return nil
	}
}

var newLine = []byte{'\n'}

// free lets go of what the stream holds.
func (e *events) free() {
	e.account.free(e.line)
	e.account.free(e.data)
	e.line, e.data = nil, nil
}

// next reads the next event that has data. At the end of the stream an event whose lines are all there is one, though
// the empty line is missing: some servers forget it.
func (e *events) next() (ev event, err error) {
	if cap(e.line)+cap(e.data) > keptBytes {
		e.free()
	}
	e.data = e.data[:0]
	has := false
	for {
		if err := e.readLine(); err != nil {
			if errors.Is(err, io.EOF) && has && len(e.line) == 0 {
				break
			}
			return event{}, err
		}
		if len(e.line) == 0 {
			if has && len(e.data) > 0 {
				break
			}
			has, ev = false, event{}
			continue
		}
		name, value, _ := bytes.Cut(e.line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(bytes.TrimPrefix(name, []byte("\ufeff"))) {
		case "data":
			if has {
				e.data, err = e.account.append(e.data, newLine)
			}
			if has = true; err == nil {
				e.data, err = e.account.append(e.data, value)
			}
			if err != nil {
				return event{}, err
			}
			if len(e.data) > e.max {
				e.data, ev.long = e.data[:e.max], true
			}
		case "event":
			ev.name = string(value)
		case "id":
			if !bytes.ContainsAny(value, "\x00\r\n") && len(value) <= maxField {
				e.lastID = string(value)
			}
		case "retry":
			if ms, err := strconv.Atoi(string(value)); err == nil {
				e.retry = min(max(time.Duration(ms)*time.Millisecond, minRetry), maxRetry)
			}
		}
	}
	ev.data = e.data
	return ev, nil
}

// How long a stream that has ended is left alone.
const (
	minRetry   = 50 * time.Millisecond
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
)
