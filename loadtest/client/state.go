package client

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/pacing"
	"weir/loadtest/socket"
	"weir/loadtest/wire"
)

// loop drives its share of a fleet's connections on one goroutine.
type loop struct {
	// set once
	opts  *Options
	msgs  wire.Messages
	to    unix.Sockaddr
	base  time.Time
	wire  wire.Format
	poll  *socket.Poller
	call  wire.Template // what every connection sends, unless its session gives it one of its own
	names int           // where in Sources this loop begins

	// any goroutine, under mu
	mu     sync.Mutex
	posted []func(*loop)

	// the loop's goroutine alone
	judge       wire.Judge
	connections []*connection // by slot; nil where a connection has ended
	free        []int32       // empty slots
	in, out     []byte
	now         time.Duration // since base, read once per turn
	arrival     time.Duration // when what is being read arrived in the kernel, as far as anybody knows
	control     [controlBytes]byte

	toOpen  int  // connections still to begin
	opening int  // begun and not yet open
	retry   bool // the backlog was full
	dialed  int

	sending, closing bool
	unfinished       int // open connections that have not sent all of their CallsPerConnection
	waiters          []*waiter

	plan     *pacing.Plan  // of an open load, nil else
	planAt   time.Duration // its beginning on the loop's clock
	joining  bool          // connections that open later call too
	joined   int
	schedule schedule

	holding  bool // as many connections as hold says are kept
	hold     int
	leaving  int           // open connections that are being retired
	round    uint32        // of what streams hear: 1, and one more with each Fleet.Expect
	expected time.Duration // when it began, on the loop's clock
	callLog  *callLog      // with OneID; nil else

	early     bool          // what has arrived is an event of a stream that is not over
	lingering []lingerer    // in the order in which their time comes
	absent    []*connection // ended, with a place in the plan that is kept for when they are begun again

	departing []*connection // of these, the ones whose turn to be ended is still to come
	toReopen  int           // ended, and to be begun again at reopenAt
	reopenAt  time.Duration // on the loop's clock

	stats Counters
}

// waiter is somebody who waits until cond holds.
type waiter struct {
	cond func(*loop) bool
	held chan struct{}
}

// lingerer is a connection that may have an event stream going on behind its answer.
type lingerer struct {
	slot, generation int32
	until            time.Duration
}

// connection is one connection. Its loop's goroutine alone touches it.
type connection struct {
	fd         int32
	slot       int32
	generation int32
	events     uint32 // what the epoll set reports now
	state      state

	inFlight  int
	nextID    uint64
	idBalance uint64 // ids sent minus ids answered, modulo 2^64: zero when nothing is in flight and every id was right
	missingID bool   // an answer without an id was among them: the balance means nothing until all are answered
	calls     int    // sent since the opening

	timedID  uint64 // the call whose latency is being measured; 0: none
	timedAt  time.Duration
	launched time.Duration // when its connect began

	place      int             // in the schedule; -1: it has no planned call
	due        time.Duration   // when its next planned call leaves, on the loop's clock
	origin     float64         // where in the plan it joined
	planned    uint64          // calls that were due so far
	backlog    int             // of these, the ones that could not be sent yet
	planID     uint64          // the id of the plan's first call
	flights    flights         // with Options.Exact
	streams    bool            // its event stream is open
	round      uint32          // the latest of the loop's rounds in which it heard something
	isOpen     bool            // it has been opened and has not ended
	lastNumber uint64          // with OneID: the number of its latest call
	pinging    bool            // with OneID: it waits for what follows its cancellation
	templates  *oneIDTemplates // with OneID: what it says
	served     bool            // a call of it had a result
	leaving    bool            // it is being retired: nothing new is sent

	joined     bool          // it has a place in the plan, and keeps it when it ends and is begun again
	answers    int           // that its socket has brought
	closing    bool          // the server ends the socket behind the latest answer
	dialing    bool          // another socket is being made
	tail       bool          // the event stream of the latest answer goes on
	lingers    bool          // it is among the loop's lingering
	answeredAt time.Duration // when the tail began
	lostTo     string        // what ended the socket, in words; "" leaves it to EndReason

	session []byte // Mcp-Session-Id, to be deleted when the connection is retired

	decoder wire.Decoder
	call    *wire.Template // the loop's, or one with this connection's session
	rest    []byte         // input of an unfinished answer
	left    []byte         // output that the socket has not taken, less than one message
}

// state is how far a connection has come.
type state uint8

const (
	stateConnecting   state = iota
	stateUpgrading          // WebSocket: waiting for 101
	stateGreeting           // waiting for the answer to initialize or ping
	stateInitializing       // HTTP: waiting for the 202 to notifications/initialized
	stateSubscribing        // HTTP: waiting for the answer to resources/subscribe
	stateOpen
	stateStreaming       // HTTP: an event stream was asked for; what arrives is counted
	stateDeletingSession // HTTP: waiting for the answer to the DELETE of its session
	stateRenewing        // the same, to begin another session then
	stateEnded
)

// schedule is the connections of a loop by when their next planned call leaves: a binary heap.
type schedule []*connection
