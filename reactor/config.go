package reactor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/audit"
	"weir/reactor/auth"
	"weir/reactor/cluster"
	"weir/reactor/cluster/forward"
	"weir/reactor/logwriter"
	"weir/reactor/mount"
	"weir/reactor/trace"
)

// Config is what a server is made of, beside what it offers. Everything has a default: Config{} is a server on
// 127.0.0.1:8080 (HTTP and WebSocket) and 127.0.0.1:7777 (TCP). New copies it.
type Config struct {
	// Options are the listeners, the transports and their bounds. nil: DefaultOptions.
	Options *Options
	// Queue bounds the queue, its workers and the connections. nil: backpressure.DefaultOptions. New fills in what is 0
	// for this machine.
	Queue *backpressure.Options
	// Tokens are those who may come; nil: anybody may. They are the server's from New on. With them the registry should
	// have registry.Options.PrivateLists, so that no shared cache shows others what is offered.
	Tokens *auth.Tokens
	// Mounts are other MCP servers whose tools are offered too, by their names, which mount.CheckName allows. The server
	// keeps them. nil: none.
	Mounts map[string]*mount.Options
	// Node joins the server to others, which forward to each other what belongs to one of them; the registry needs the
	// IDs of that node then. It was not started: whoever made it starts it when the server serves, and closes it after
	// the server has stopped. nil: the server is alone.
	Node *cluster.Node
	// Forward bounds what is forwarded. nil: forward.DefaultOptions.
	Forward *forward.Options
	// Calls have the calls of tools go through a queue. nil: they are run here.
	Calls *Calls
	// Sockets are listening sockets that somebody else has bound, by the name of the listener: http, tcp, unix. One takes
	// the place of its listener's address. They stay the caller's, who may close them after Listen. nil: none.
	Sockets map[string]*os.File
	// OwnSockets says which of Sockets are this server's to end, as those of a process that it takes over from: the file
	// of such a Unix socket is removed with the server. nil: none.
	OwnSockets map[string]bool
	// Metrics receives every series of the server, once: two servers cannot share a set. nil: a set that nobody reads.
	Metrics *metrics.Set
	// Trace and Audit hear of every request that has ended. They stay the caller's, who ends them after the server has
	// stopped. nil: nobody looks on.
	Trace *trace.Tracer
	Audit *audit.Log
	// Log is where the server speaks, from its loops and workers too: a writer that blocks holds up clients. nil: warnings
	// and errors, as JSON on standard error, which nobody waits for; what is not read is dropped and counted in a later
	// line. A disabled logger is silent.
	Log *zerolog.Logger
	// ShutdownTimeout is how long Serve and ServeStdio let finish what was accepted. 0: 30 seconds.
	ShutdownTimeout time.Duration
}

const defaultShutdownTimeout = 30 * time.Second

// withDefaults returns c with nothing left out, and everything that is wrong with it.
func (c Config) withDefaults() (Config, error) {
	options, bounds := DefaultOptions(), backpressure.DefaultOptions()
	if c.Options != nil {
		options = *c.Options
	}
	if c.Queue != nil {
		bounds = *c.Queue
	}
	errs := append(options.Validate(), bounds.Validate()...)
	if options.Auth.TokensFile != "" && c.Tokens == nil { // it must not come to serving everybody
		errs = append(errs, errors.New("auth.tokens_file: it names a file, and Config.Tokens is nil"))
	}
	errs = append(append(errs, checkMounts(c.Mounts)...), c.Calls.validate()...)
	forwarded := forward.DefaultOptions()
	if c.Forward != nil {
		forwarded = *c.Forward
	}
	c.Forward = &forwarded
	errs = append(errs, forwarded.Validate()...)
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("Config.ShutdownTimeout: %v is negative", c.ShutdownTimeout))
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		errs = append(errs, fmt.Errorf("read the limit on open files: %w", err))
	}
	bounds = bounds.Resolve(files.Cur)
	c.Options, c.Queue = &options, &bounds
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
	if c.Log == nil {
		log := zerolog.New(logwriter.StandardError).Level(zerolog.WarnLevel).With().Timestamp().Logger()
		c.Log = &log
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = defaultShutdownTimeout
	}
	return c, errors.Join(errs...)
}
