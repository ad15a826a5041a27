package mount

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"weir/codec/option"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/remote"
	"weir/reactor/mount/shelf"
)

// Options say what one mount is, and bound it.
type Options struct {
	// Command is the program to start: a name that is looked for in PATH, or a path. It speaks MCP on its standard input
	// and output, one message a line.
	Command string `yaml:"command" max:"4096" zero:"none"`
	// Args are what the program is given.
	Args []string `yaml:"args" max:"1000"`
	// Env is set in the program's environment, which else has only HOME, LANG, LC_ALL, LC_CTYPE, LOGNAME, PATH, SHELL,
	// TERM, TMPDIR, TZ and USER of this process's.
	Env map[string]string `yaml:"env" max:"1000"`
	// InheritEnv are further names that the program is given as this process has them.
	InheritEnv []string `yaml:"inherit_env" max:"1000"`
	// Cwd is the folder the program is started in.
	Cwd string `yaml:"cwd" max:"4096" zero:"this process's"`
	// Unix is the path of a Unix socket at which a server speaks lines, instead of a command.
	Unix string `yaml:"unix" max:"107" zero:"none"`
	// TCP is the address, host:port, of a server that speaks lines, instead of a command.
	TCP string `yaml:"tcp" zero:"none"`

	// URL is where a server answers over HTTP (Streamable HTTP), instead of a command.
	URL string `yaml:"url" max:"4096" zero:"none"`
	// Headers are sent with every request to the url. What a client has shown to be let in here is never sent.
	Headers map[string]string `yaml:"headers" max:"100"`
	// TokenFile holds the bearer token for the url. It is read again when it has changed.
	TokenFile string `yaml:"token_file" max:"4096" zero:"none"`
	// MaxConnections is how many connections to the url are open at once. A call has one until it is answered, and 4 are
	// for the rest: further calls wait for their turn, as with max_in_flight.
	MaxConnections int `yaml:"max_connections" default:"256" min:"5" max:"65535" unit:"connections"`

	// Era is which of MCP's two eras is spoken with it: legacy (up to 2025-11-25), modern (2026-07-28), or auto: legacy,
	// unless its server refuses that and has the other.
	Era string `yaml:"era" default:"auto" oneof:"auto,legacy,modern"`
	// Prefix comes before the names of its tools. NAME in it stands for the mount's name.
	Prefix string `yaml:"prefix" default:"NAME_" max:"63" zero:"none"`
	// Tools says which of its tools are offered, and as what.
	Tools shelf.Tools `yaml:"tools"`

	// StartTimeout is how long it may take from its start until it has greeted and listed its tools. Then it is started
	// anew (no_answer).
	StartTimeout time.Duration `yaml:"start_timeout" default:"1m" min:"100ms" max:"1h"`
	// CallTimeout is how long a call may take that was sent to it. Then the call ends (mount_timeout) and is cancelled
	// there.
	CallTimeout time.Duration `yaml:"call_timeout" default:"1m" min:"100ms" max:"24h"`
	// ClientRequestTimeout is how long a call may wait there for what its client was asked for (elicitation, sampling,
	// roots). Then its server is told that nobody answers, and the call is taken back.
	ClientRequestTimeout time.Duration `yaml:"client_request_timeout" default:"10m" min:"1s" max:"24h"`
	// WaitTimeout is how long a call may wait for its turn to be sent, before it is refused (mount_wait_timeout).
	WaitTimeout time.Duration `yaml:"wait_timeout" default:"5s" min:"100ms" max:"1h"`
	// MaxInFlight is how many calls it is sent at once. Further ones wait for their turn.
	MaxInFlight int `yaml:"max_in_flight" default:"1000" min:"1" max:"500000" unit:"calls"`
	// MaxWaiting is how many calls wait for their turn. The next is refused (mount_full).
	MaxWaiting int `yaml:"max_waiting" default:"1000" min:"0" max:"500000" unit:"calls"`
	// MaxShare is how much of max_in_flight, max_waiting and max_bytes the calls of one client may take; a client is a
	// principal, or a connection of nobody's. At its share of max_in_flight its next ones wait while others' pass; beyond
	// that of the others they are refused (mount_share). One call is always within it.
	MaxShare int `yaml:"max_share" default:"50" min:"1" max:"100" unit:"percent"`
	// MaxBytes is how much the requests that were sent or wait may hold, and, apart from these, the answers that no worker
	// has passed on yet. A request beyond it is refused (mount_full), an answer is left out (mount_answer).
	MaxBytes int `yaml:"max_bytes" default:"16 MiB" min:"64 KiB" max:"4 GiB" unit:"bytes"`
	// MaxLineBytes is the longest line that is read from it, over HTTP the longest body or event. A longer one is skipped,
	// and the call that it answers ends (mount_answer).
	MaxLineBytes int `yaml:"max_line_bytes" default:"4 MiB" min:"4 KiB" max:"64 MiB" unit:"bytes"`

	// BreakerFailures is after how many calls in a row that found no connection, lost it or met call_timeout its breaker
	// opens. Calls are answered at once then (mount_open).
	BreakerFailures int `yaml:"breaker_failures" default:"10" min:"1" max:"1000000" unit:"calls" zero:"no breaker"`
	// BreakerPause is how long an open breaker lets no call pass; then one passes in each pause, until one is answered.
	BreakerPause time.Duration `yaml:"breaker_pause" default:"5s" min:"100ms" max:"1h"`

	// At is where it stands in a file, for the log.
	At string `yaml:"-"`
}

// DefaultOptions are those of a mount of which nothing is said, which is none yet.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// nameForm is what a mount may be called: its name is a metric label, part of the names of tools, and one of a path.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// CheckName says whether a mount may have the name.
func CheckName(name string) bool { return nameForm.MatchString(name) }

// Validate returns every option that cannot be used, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	// The tags are asked through a type without this method, or they would ask it.
	type tagged Options
	found := option.Check((*tagged)(o))
	ways := 0
	for _, way := range []string{o.Command, o.URL, o.Unix, o.TCP} {
		if way != "" {
			ways++
		}
	}
	if ways != 1 {
		found.Add("", "%d of command, url, unix and tcp are set: allowed is one of them, which says what is mounted", ways)
	}
	if o.Command == "" && (len(o.Args) > 0 || len(o.Env) > 0 || len(o.InheritEnv) > 0 || o.Cwd != "") {
		found.Add("", "args, env, inherit_env and cwd are for a command, and there is none: allowed is to leave them out")
	}
	o.Tools.Check(&found)
	o.checkURL(&found)
	return found.Errors()
}

// Naming is how the tools and prompts of the mount of that name are called.
func (o *Options) Naming(mount string) shelf.Naming {
	return shelf.Naming{Mount: mount, Prefix: o.Prefix, Tools: &o.Tools}
}

// reserved are headers that every request has of its own.
var reserved = []string{"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Host", "Last-Event-Id", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// checkURL checks what is said of a server that is spoken to over HTTP.
func (o *Options) checkURL(found *option.Mistakes) {
	if o.URL == "" {
		if len(o.Headers) > 0 || o.TokenFile != "" {
			found.Add("", "headers and token_file are for a url, and there is none: allowed is to leave them out")
		}
		return
	}
	at, err := url.Parse(o.URL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.User != nil ||
		at.Fragment != "" {
		found.Add("url", "%s is not the address of a server: allowed is http://HOST/PATH or https://HOST/PATH; who it is "+
			"let in as is said in headers or token_file", option.Quote(o.URL))
	}
	for name, value := range o.Headers {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isToken(name) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			found.Add("headers", "%s is not a header: allowed is a name of letters, digits and -, and a value in one line",
				option.Quote(name))
		case slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Mcp-"):
			found.Add("headers", "%s is said by this program itself: allowed is to leave it out", option.Quote(name))
		case canonical == "Authorization" && o.TokenFile != "":
			found.Add("headers", "Authorization is said by token_file too: allowed is one of both")
		}
	}
}

// isToken says whether name is one of a header (RFC 9110, 5.6.2), of the characters that people use.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}

// inFlight is how many calls may be sent at once.
func (o *Options) inFlight() int {
	if o.URL == "" {
		return o.MaxInFlight
	}
	return min(o.MaxInFlight, o.MaxConnections-remote.Spare)
}

// bounds are those of the table of its calls. Over HTTP a call that asks its client keeps its connection.
func (o *Options) bounds() calls.Bounds {
	return calls.Bounds{InFlight: o.inFlight(), Waiting: o.MaxWaiting, Bytes: o.MaxBytes, Share: o.MaxShare,
		Wait: o.WaitTimeout, AskingCounts: o.URL != ""}
}
