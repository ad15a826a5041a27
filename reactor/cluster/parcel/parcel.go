package parcel

import (
	"encoding/binary"
	"errors"
)

// Version is of this build's calls. It changes when a call of this build means something else to an older one.
const Version = 1

// Call is a client's tools/call on its way to a worker.
type Call struct {
	// Node is the front end that waits for the answer, and ID its number there.
	Node string
	ID   uint64
	// Idempotent: it may be begun twice. Again: a worker that had it is gone, and it is in the queue for the second time.
	Idempotent, Again bool
	// Revision, Capabilities and LogLevel are what the client has negotiated; Principal is who it is.
	Revision               string
	Capabilities, LogLevel uint8
	Principal              string
	// Header are the fields of the HTTP head, for handlers that read them; nil for most.
	Header []byte
	// Message is the message as it came.
	Message []byte
}

const (
	flagIdempotent = 1 << iota
	flagAgain
)

// ErrVersion: the call is another build's, of which no more than Node and ID is known.
var ErrVersion = errors.New("a call of another version")

var errBroken = errors.New("not a parcel")

// Append appends the call to dst.
func (c *Call) Append(dst []byte) []byte {
	dst = appendText(append(dst, Version), c.Node)
	dst = binary.AppendUvarint(dst, c.ID)
	var flags byte
	if c.Idempotent {
		flags |= flagIdempotent
	}
	if c.Again {
		flags |= flagAgain
	}
	dst = append(dst, flags, c.Capabilities, c.LogLevel)
	dst = appendText(dst, c.Revision)
	dst = appendText(dst, c.Principal)
	dst = appendText(dst, c.Header)
	return append(dst, c.Message...)
}

// ReadCall reads a call, which aliases b from then on. With ErrVersion its Node and ID are good.
func ReadCall(b []byte) (c Call, err error) {
	r := reader{b: b}
	version := r.byte()
	c.Node, c.ID = string(r.text()), r.number()
	if r.broken {
		return c, errBroken
	}
	if version != Version {
		return c, ErrVersion
	}
	flags := r.byte()
	c.Idempotent, c.Again = flags&flagIdempotent != 0, flags&flagAgain != 0
	c.Capabilities, c.LogLevel = r.byte(), r.byte()
	c.Revision, c.Principal = string(r.text()), string(r.text())
	c.Header = r.text()
	c.Message = r.b
	if r.broken {
		return c, errBroken
	}
	return c, nil
}

// Kind says what a word is about.
type Kind uint8

const (
	// Answer, to a front end: Text is the response to the call. State is the engine's outcome, doubled, and one more if
	// the handler returned what it should.
	Answer Kind = iota + 1
	// Ahead, to a front end: Text is a message ahead of the answer.
	Ahead
	// Question, to a front end: Text is a request to the client of the call, Node the worker that waits for the Reply.
	Question
	// Failed, to a front end: State is the Failure that ended the call.
	Failed
	// Cancel, to workers: the call of Node's is taken back.
	Cancel
	// Reply, to a worker: Text is the client's response to the request that Node's call has asked.
	Reply
)

// Failure is why a worker does not answer a call.
type Failure uint8

const (
	WorkerLost    Failure = iota + 1 // who had it is gone, and it may not be begun twice
	ToolsDiffer                      // the worker does not have the tool
	OtherVersion                     // the worker does not understand the front end
	AnswerTooLong                    // the broker takes no message of that length
	Stopped                          // the worker was stopped before it had answered
	Failures                         // how many there are, and one
)

var failureWords = [Failures]string{"", "worker_lost", "tools_differ", "worker_version", "cluster_message_too_large",
	"cluster_stopped"}

// String is the failure's word.
func (f Failure) String() string { return failureWords[f] }

// Word is said outside of the queue.
type Word struct {
	Kind  Kind
	State uint8
	Node  string
	ID    uint64
	Text  []byte
}

// Append appends the word to dst. Several may stand one behind the other.
func (w *Word) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, byte(w.Kind), w.State), w.ID)
	return appendText(appendText(dst, w.Node), w.Text)
}

// ReadWords calls hear with each word of b, whose Text aliases b, and says whether b is nothing but words.
func ReadWords(b []byte, hear func(Word)) bool {
	r := reader{b: b}
	for len(r.b) > 0 {
		w := Word{Kind: Kind(r.byte()), State: r.byte(), ID: r.number()}
		w.Node, w.Text = string(r.text()), r.text()
		if r.broken {
			return false
		}
		hear(w)
	}
	return true
}

func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// reader takes parts off the front of b.
type reader struct {
	b      []byte
	broken bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.broken = true
		return 0
	}
	first := r.b[0]
	r.b = r.b[1:]
	return first
}

func (r *reader) number() uint64 {
	n, used := binary.Uvarint(r.b)
	if used <= 0 {
		r.broken = true
		return 0
	}
	r.b = r.b[used:]
	return n
}

func (r *reader) text() []byte {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.broken = true
		return nil
	}
	text := r.b[:n:n]
	r.b = r.b[n:]
	return text
}
