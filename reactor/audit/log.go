package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"weir/codec"
	"weir/reactor/logwriter"
	"weir/registry/call"
)

// Log is the audit log. A nil one is off. Its methods may be called on any goroutine.
type Log struct {
	o     Options
	lines *logwriter.Writer
	file  file
}

// file is what is written to. It is exchanged while a write may hang in the disk, so there is no lock.
type file struct {
	path string
	to   atomic.Pointer[os.File]
}

// Write implements io.Writer.
func (f *file) Write(b []byte) (int, error) {
	for {
		to := f.to.Load()
		n, err := to.Write(b)
		if n == 0 && errors.Is(err, os.ErrClosed) && f.to.Load() != to {
			continue // it was exchanged in this moment
		}
		return n, err
	}
}

// Open opens the log; with no file it is one that is off.
func Open(o Options, stdout io.Writer, set *metrics.Set) (*Log, error) {
	l := &Log{o: o}
	l.register(set)
	var out io.Writer
	switch o.File {
	case "":
		return l, nil
	case Standard:
		out = stdout
	default:
		l.file.path = o.File
		if err := l.Reopen(); err != nil {
			return nil, err
		}
		out = &l.file
	}
	l.lines = logwriter.New(out, notice)
	return l, nil
}

// notice is the line that stands for those that were lost.
func notice(lost uint64) []byte {
	return fmt.Appendf(nil, `{"time":%q,"lost":%d,"message":"audit lines were lost: the disk did not take them"}`+"\n",
		time.Now().UTC().Format(timeFormat), lost)
}

// On says whether requests are written down.
func (l *Log) On() bool { return l != nil && l.lines != nil }

// Reopen opens the file again by its name: who turns logs over has moved it away. On an error the one that is open
// stays in use.
func (l *Log) Reopen() error {
	if l == nil || l.file.path == "" {
		return nil
	}
	// A pipe that nobody reads is an error, and not waited for.
	to, err := os.OpenFile(l.file.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	if former := l.file.to.Swap(to); former != nil {
		go former.Close() // what is being written to it is finished first, which may take the disk long
	}
	return nil
}

// Close waits until what was said is written, for so long at most, and closes the file.
func (l *Log) Close(most time.Duration) {
	if !l.On() {
		return
	}
	if to := l.file.to.Load(); l.lines.Flush(most) && to != nil {
		_ = to.Close() // everything is written
	}
}

// timeFormat is RFC 3339 with microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// buffers are lines while they are made: Write copies them.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Ended writes a request down that has ended. Pings say nothing of anybody and are left out.
func (l *Log) Ended(s *call.Span) {
	if !l.On() || s.Method == "ping" {
		return
	}
	b := buffers.Get().(*[]byte)
	*b = appendLine((*b)[:0], s)
	_, _ = l.lines.Write(*b) // never fails
	buffers.Put(b)
}

func appendLine(dst []byte, s *call.Span) []byte {
	dst = append(dst, `{"time":"`...)
	dst = s.Began.UTC().AppendFormat(dst, timeFormat)
	dst = append(dst, '"')
	dst = appendMember(dst, "principal", s.Principal)
	if s.Peer.IsValid() {
		dst = appendMember(dst, "peer", s.Peer.String())
	}
	dst = appendMember(dst, "listener", s.Listener)
	dst = appendMember(dst, "session", s.Session)
	dst = appendMember(dst, "method", s.Method)
	if s.Kind != call.TargetNone {
		dst = appendMember(dst, [...]string{"", "tool", "prompt", "resource"}[s.Kind], s.Target)
	}
	if s.Request != "" { // JSON already
		dst = append(append(dst, `,"id":`...), s.Request...)
	}
	dst = appendMember(dst, "revision", s.Revision)
	dst = appendMember(dst, "outcome", s.Outcome)
	if s.Code != 0 {
		dst = strconv.AppendInt(append(dst, `,"code":`...), int64(s.Code), 10)
	}
	dst = appendMember(dst, "reason", s.Reason)
	dst = append(dst, `,"ms":`...)
	dst = strconv.AppendFloat(dst, s.Ended.Sub(s.Began).Seconds()*1000, 'f', 3, 64)
	if s.Valid() {
		dst = appendMember(dst, "trace", hex.EncodeToString(s.TraceID[:]))
	}
	return append(dst, '}', '\n')
}

// appendMember appends a text, unless it is empty.
func appendMember(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), key...), `":`...)
	return codec.AppendQuoted(dst, value)
}
