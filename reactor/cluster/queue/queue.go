package queue

import (
	"context"
	"errors"
	"time"
)

// Queue is one process's place at a broker. Any goroutine, several at once; Take one at a time. Slices that a method
// is given are the caller's again when it returns.
type Queue interface {
	// Push leaves jobs for workers and waits, up to Config.Deadline, until the broker has each or has refused it. The
	// errors are by the job's place; nil is none: the broker has them all. ErrFull and ErrTooLarge: the job is nowhere.
	// ErrDown: nobody knows whether the broker has it.
	Push(jobs [][]byte) []error
	// Take waits for a job and returns what is there, n at most. The caller never has more than Config.Credit that are not
	// done, and no more than that is kept from other workers. It returns within a second after the end of ctx, maybe with
	// jobs, which are to be served as any; without jobs nothing of this worker's is under way any more. The error says why
	// there are none: ErrDown, which may be over soon, ErrClosed or ctx's.
	Take(ctx context.Context, n int) ([]Job, error)
	// Done forgets jobs that were taken, once what was sent before has left. Before that a broker that hears nothing of
	// their worker for Config.Silence gives them to another. The engine says all the while that the worker is there.
	Done(jobs []Job)
	// Send has the process of that name hear a message (Config.Hear), or all that work if to is Workers. It does not wait.
	// The error is that the message cannot be sent: ErrDown, ErrTooLarge or ErrClosed. One that nobody hears is lost and
	// counted (Config.Unheard).
	Send(to string, message []byte) error
	// Close sends what was to be sent and ends it, in about Config.Deadline. Jobs that were taken and not done are other
	// workers' after that.
	Close()
}

// Workers is to whom Send says something that all who work are to hear.
const Workers = "workers"

// Job is one that was taken.
type Job struct {
	Data []byte // the caller's
	// Again: the broker has given it away before, so somebody may have begun with it.
	Again bool
	// Receipt is the engine's, for Done.
	Receipt any
}

// Config is what an engine needs to know.
type Config struct {
	// Name is the process's, which no other has that is at the broker. [a-zA-Z0-9_-], 64 bytes at most; not Workers.
	Name string
	// Prefix stands before every name at the broker, so that several clusters can share one.
	Prefix string
	// Works: it takes jobs, and hears what is said to Workers.
	Works bool
	// Credit is how many jobs a worker has at most that are not done.
	Credit int
	// MaxMessages and MaxBytes bound what waits at the broker. The first process to come says them; the bounds of others
	// have to be the same. RabbitMQ does not count what is taken, the others do.
	MaxMessages, MaxBytes int
	// MaxUnsentBytes bounds the messages that wait to be sent. More are refused with ErrDown.
	MaxUnsentBytes int
	// MaxAge is after which time a job that waits is dropped by the broker, whose clock counts.
	MaxAge time.Duration
	// Silence is after which time without a word a worker counts as gone.
	Silence time.Duration
	// Deadline bounds what waits for the broker. After that it is down.
	Deadline time.Duration

	// Hear is called with each message that is sent to this process, one at a time. The message is the callee's.
	Hear func(message []byte)
	// Unheard is called with the number of messages that this process has sent and nobody heard. It may be nil.
	Unheard func(n int)
	// Watch is called when the state has changed, and about once a second. One call at a time; it must not block. It may
	// be nil.
	Watch func(State)
}

// State is how the broker does, as far as this process knows.
type State struct {
	Up  bool
	Why string // it is not up; "" if it is
	// Messages and Bytes are what the broker holds of jobs. RabbitMQ leaves out those that are taken, and does not say
	// bytes.
	Messages, Bytes int
}

// What goes wrong. Each names what to do in docs/OPERATING.md.
var (
	ErrFull     = errors.New("the queue is full")
	ErrTooLarge = errors.New("the message is larger than the broker takes")
	ErrDown     = errors.New("the broker does not answer")
	ErrClosed   = errors.New("the queue is closed")
)

// All is n times the same error.
func All(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
