package mount

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec"
	"weir/reactor/logwriter"
	"weir/reactor/loop"
	"weir/reactor/mount/breaker"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/child"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/reactor/mount/remote"
	"weir/reactor/mount/shelf"
	"weir/registry/engine"
	"weir/registry/protocol"
)

// What there is: all mounts, one of them, its upstream. The other files say what becomes of them.

// Config is what mounts need of their server.
type Config struct {
	Mounts  map[string]*Options // by their names; checked
	Loops   *loop.Loops
	Engine  *engine.Engine
	JSON    codec.JSONLimits // of a line
	Metrics *metrics.Set
	Log     zerolog.Logger
	// Name and Version are how mounts are told who calls.
	Name, Version string
}

// Mounts are all mounts of a server. Their life: New, Start, Drain, Stop; each once, in order, and any left out but
// Stop after Start. Status and Replace are for any goroutine.
type Mounts struct {
	config  Config
	shelf   *shelf.Shelf
	loops   *loop.Loops
	engine  *engine.Engine
	json    codec.JSONLimits
	starter *child.Starter

	clientInfo string // an object
	modernMeta string // the members of _meta in every request of the modern era

	running sync.WaitGroup
	life    context.Context    // of all of them; nil before Start
	hurried context.Context    // over when no time is left
	stop    context.CancelFunc // ends the lives
	hurry   context.CancelFunc // and leaves them no time

	noted struct { // resources whose subscribers came or went
		sync.Mutex
		uris map[string]struct{} // at most maxFollowed
		all  bool                // more were noted: every one is to be looked at
		some chan struct{}       // has one when there are some
	}
	watch sync.Once // with the first mount

	listing sync.Mutex // guards what follows; before mu
	all     []*Mount   // in the order of their names; never changed, but replaced
	closed  bool       // nothing is replaced any more

	mu      sync.Mutex      // guards what is said of it
	leaving map[*Mount]bool // are in no list any more, and answer what they were sent
}

// Mount is one server that answers for this one.
type Mount struct {
	name   string
	opt    *Options
	of     *Mounts
	log    zerolog.Logger
	series series

	life context.Context    // nil before it is begun
	end  context.CancelFunc // ends its life

	nonce    string   // before the states of its calls that ask: another mount's, or process's, are none of its
	children children // of one that is not shared
	base     *Mount   // whose child it is; nil: nobody's
	owner    any      // whom the child is for

	// Guarded by the lock of its mount's children.
	used  time.Time
	timer *time.Timer // for its end

	// Guarded by the lock of Mounts.
	before *Mount // serves until this one has offered its tools, or cannot

	part        *shelf.Part   // what it offers
	answerBytes *atomic.Int64 // of all its children
	arriving    *remote.Account
	met         *logwriter.Gate

	mu       sync.Mutex
	talking  *upstream     // the one that there is
	up       *upstream     // the same, once it takes calls
	why      reason.Ending // why there is none
	stopping bool
	table    *calls.Table
	breaker  breaker.Breaker
}

// upstream is one connection to a mount's server, and the loop.Handler of what it says.
type upstream struct {
	loop.Conn
	mount *Mount

	// Set while it is greeted, before calls come.
	revision  uint8
	remote    *remote.Remote    // of a server that is spoken to over HTTP
	has       [shelf.Kinds]bool // which lists it has
	completes bool
	// What it says of: changes of its lists, updates of its resources, logs.
	changes    [protocol.ListCount]bool
	subscribes bool
	logs       bool
	listening  uint64 // the id of its subscriptions/listen, 0 for none; the mount's goroutine's

	// The loop's.
	decoder  codec.LineDecoder
	env      codec.Envelope
	skipping bool   // the line at hand is too long
	longID   []byte // its id, if that was at its beginning

	// Anybody's.
	unread  atomic.Bool   // it does not read what it is sent
	heard   atomic.Bool   // it has said a message
	strange atomic.Value  // string: the first line that was none
	over    chan struct{} // closed when it has ended
	changed chan struct{} // has one when a list of its has changed
	stale   atomic.Uint32 // which, a bit for each

	follows chan struct{} // has one when something was noted
	level   atomic.Uint32 // the lowest level of log messages that it was told, or quiet

	// Guarded by the mount's lock.
	noted     map[string]bool // resources to look at: whether they are its own
	following map[string]bool // those that it is to speak of

	taken []uint64 // ids whose calls were cancelled and that it is not told of yet; guarded by the mount's lock
}

// children are those of a mount, by whom they are for.
type children struct {
	sync.Mutex
	byOwner map[any]*Mount
	begun   int // how many there have been
	closed  bool

	complaints logwriter.Gate
}

// series are those of one mount.
type series struct {
	starts  *metrics.Counter
	ended   [reason.Endings]*metrics.Counter
	failed  [reason.Failures]*metrics.Counter
	met     [reason.Limits]*metrics.Counter
	dropped [reason.Droppeds]*metrics.Counter
	calls   *metrics.Counter
}

// list is every mount, in the order of their names.
func (s *Mounts) list() []*Mount {
	s.listing.Lock()
	defer s.listing.Unlock()
	return s.all
}

// openLocked gives a request of our own its place. The mount is locked.
func (u *upstream) openLocked(came chan<- calls.Answer) (id uint64) {
	t := u.mount.table
	return t.ID(t.Own(came))
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

func (u *upstream) drop(why reason.Dropped) { u.mount.series.dropped[why].Inc() }

func (u *upstream) isModern() bool { return protocol.RevisionAt(int(u.revision)).Modern }

// hop is how requests go to it.
func (u *upstream) hop() hop.Hop {
	return hop.Hop{Modern: u.isModern(), Meta: u.mount.of.modernMeta, Logs: u.logs}
}
