package cmd

import (
	"os"
	"weir/cmd/observers"

	"weir/cmd/mounts"
	"weir/cmd/nodes"
	"weir/codec/option"
	"weir/codec/yaml"
)

// settings are the flags of a command that runs the server.
type settings interface {
	// file is the configuration file's name, "" for none.
	file() string
	// apply overrides config with the flags that were given and records, per key, that a flag set it.
	apply(config *Config, places option.Places)
}

// maxConfigBytes bounds the file: the longest sensible one is a few KiB, and a path to something else (a log, a disk)
// should end in a sentence, not in its size of memory.
const maxConfigBytes = 1 << 20

// loadConfig is defaults, then the file, then the flags, then every rule; err is option.Mistakes with all that is
// wrong.
func (p Program) loadConfig(flags settings, on machine) (Config, error) {
	config := p.defaults()
	config.again = func() (Config, error) { return p.loadConfig(flags, on) }
	places, mistakes := option.Places{}, option.Mistakes(nil)
	if file := flags.file(); file != "" {
		text, err := readBounded(file, maxConfigBytes)
		if err != nil {
			return config, &option.Mistake{Place: option.Place{Flag: "config"}, Text: err.Error()}
		}
		if places, mistakes = yaml.Read(file, text, &config); places == nil {
			return config, mistakes
		}
	}
	flags.apply(&config, places)
	nodes.CloseListeners(config.Mode, &config.Server, places)
	if _, said := places["demo"]; len(config.Mounts) > 0 && !said {
		config.Demo = false
	}
	config.applyPreset(places)
	config.fitMemory(on.memory, places)
	mistakes.AddNew(places.Locate(config.validate(on.files)))
	resolved, unset := mounts.Resolve(config.Mounts, os.LookupEnv, places)
	config.mounts, config.places = resolved, places
	mistakes.AddNew(unset)
	tokens, wrong := loadTokens(config.Server.Auth.TokensFile, tokensKey, places.Of(tokensKey))
	admins, more := loadTokens(config.AdminTokensFile, adminsKey, places.Of(adminsKey))
	webhookToken, unreadable := loadWebhookToken(config.Alerts.Webhook.TokenFile, places.Of("alerts.webhook.token_file"))
	headers, wrongToo := observers.LoadHeaders(config.Trace.HeadersFile, readBounded,
		places.Of(observers.HeadersKey))
	config.tokens, config.admins, config.webhookToken, config.traceHeaders = tokens, admins, webhookToken, headers
	wrong = append(append(append(wrong, more...), unreadable...), wrongToo...)
	config.fitConnections(on.files)
	config.Queue = config.Queue.Resolve(on.files)
	return config, append(mistakes, wrong...).Err()
}

// serveFlags are the keys worth a flag. Each pointer is nil unless the flag was given, so that a flag beats the file
// even when it says what the default says.
type serveFlags struct {
	Config      string `placeholder:"FILE" help:"YAML file; docs/CONFIG.md lists its keys. Flags beat the file, the file beats the defaults."`
	CheckConfig bool   `help:"Print the effective configuration as YAML and exit."`

	HTTP           *string  `name:"http" placeholder:"ADDR" help:"Listen for HTTP and WebSocket on host:port; port 0: the kernel chooses, the log says. ${http}"`
	TCP            *string  `name:"tcp" placeholder:"ADDR" help:"Listen for newline-delimited JSON on host:port. ${tcp}"`
	Unix           *string  `name:"unix" placeholder:"PATH" help:"Listen for newline-delimited JSON on a Unix socket. ${unix}"`
	Admin          *string  `name:"admin" placeholder:"ADDR" help:"Serve /metrics, /status, /alerts, /healthz, /readyz and /debug/pprof on host:port. ${admin}"`
	Loops          *int     `placeholder:"N" help:"Event loops. ${loops}"`
	Workers        *int     `placeholder:"N" help:"Goroutines for tools that only compute. ${workers}"`
	Preset         *string  `placeholder:"NAME" help:"Limits that belong together: safe (200 connections, an alert at 150), 10k, 25k or 100k. ${preset}"`
	MaxConnections *int     `placeholder:"N" help:"Connections held at once; the next is refused with a reason. ${max_connections}"`
	Mode           *string  `placeholder:"MODE" help:"What this process is among others: single, cluster, frontend or worker. ${mode}"`
	Node           *string  `placeholder:"NAME" help:"This node's name in a cluster; no other node has it. ${cluster_node}"`
	ClusterListen  *string  `placeholder:"ADDR" help:"Listen for other nodes on host:port. ${cluster_listen}"`
	ClusterPeers   []string `placeholder:"ADDR" help:"Addresses of other nodes, with commas between them; this node may be among them."`
	Demo           *bool    `placeholder:"true|false" help:"Offer the demonstration tools; --demo=false for none. ${demo}"`
}

// Help implements kong.HelpProvider: what stands below the flags.
func (serveFlags) Help() string {
	return `Serves the Model Context Protocol, 2024-11-05 to 2026-07-28, over HTTP, WebSocket, TCP and Unix sockets,
until SIGTERM or SIGINT; then it stops accepting, finishes what it accepted within shutdown_timeout, and exits. SIGHUP
reads tokens, alerts, mounts, limits of connections and the log's level again. SIGUSR2 upgrades: the program is started
anew, from its file, takes the listening sockets over, and nobody is refused.

Example:

  ${program} serve --http 127.0.0.1:0 --tcp "" --max-connections 50000

listens for HTTP and WebSocket on a port of the kernel's choice (see the log, or /status of the admin listener), not
on TCP, and refuses the 50,001st connection.

` + exitHelp
}

func (f *serveFlags) file() string { return f.Config }

func (f *serveFlags) apply(config *Config, places option.Places) {
	override(f.HTTP, &config.Server.HTTP, places, "http", "http")
	override(f.TCP, &config.Server.TCP, places, "tcp", "tcp")
	override(f.Unix, &config.Server.Unix, places, "unix", "unix")
	override(f.Admin, &config.Admin, places, "admin", "admin")
	override(f.Loops, &config.Server.Loops, places, "loops", "loops")
	override(f.Workers, &config.Queue.Workers, places, "workers", "workers")
	override(f.Preset, &config.Preset, places, "preset", "preset")
	override(f.MaxConnections, &config.Queue.MaxConnections, places, "max_connections", "max-connections")
	override(f.Mode, &config.Mode, places, "mode", "mode")
	override(f.Node, &config.Cluster.Membership.Node, places, "cluster.node", "node")
	override(f.ClusterListen, &config.Cluster.Links.Listen, places, "cluster.listen", "cluster-listen")
	if f.ClusterPeers != nil {
		override(&f.ClusterPeers, &config.Cluster.Links.Peers, places, "cluster.peers", "cluster-peers")
	}
	override(f.Demo, &config.Demo, places, "demo", "demo")
}

// stdioFlags are those that make sense for one client.
type stdioFlags struct {
	Config      string `placeholder:"FILE" help:"YAML file, the same as for ${program} serve; docs/CONFIG.md lists its keys. Flags beat the file, the file beats the defaults."`
	CheckConfig bool   `help:"Print the effective configuration as YAML and exit."`

	Admin   *string `name:"admin" placeholder:"ADDR" help:"Serve /metrics, /status, /alerts, /healthz, /readyz and /debug/pprof on host:port (default off, whatever the file says). Port 0: the kernel chooses, the log says."`
	Workers *int    `placeholder:"N" help:"Goroutines for tools that only compute. ${workers}"`
	Demo    *bool   `placeholder:"true|false" help:"Offer the demonstration tools; --demo=false for none. ${demo}"`
}

// Help implements kong.HelpProvider: what stands below the flags.
func (stdioFlags) Help() string {
	return `Serves the Model Context Protocol, 2024-11-05 to 2026-07-28, to one client: one JSON message per line on
standard input, one per line on standard output, and nothing else there. The log goes to standard error. It ends when
standard input does, after answering what it accepted, or on SIGTERM or SIGINT, which drain; both within
shutdown_timeout. A signal after that ends it at once.

Tools, queue, limits and configuration are those of ${program} serve, but for what one client has no use for: the
file's http, tcp, unix, admin, loops, max_connections and soft_connections are not used (so that several clients may
launch it with the file of a server that runs), and no deadline is held against the client. One that does not read is
not read either.

Examples:

  ${program} stdio --config ${program}.yaml

is the command for a client's configuration. Many desktop clients take it in this form:

  {"mcpServers": {"${program}": {"command": "/usr/local/bin/${program}", ` +
		`"args": ["stdio", "--config", "/etc/${program}.yaml"]}}}

From a shell, where the end of the input ends the server:

  echo '{"jsonrpc":"2.0","id":1,"method":"ping"}' | ${program} stdio

Exit codes: 0 the input ended and was answered, or a signal drained the server; 1 the conversation broke off (the log
says why: the output cannot be written or was not read to its end, a message is too large) or the server did not
start; 2 a flag or the configuration is wrong, and nothing was started.`
}

func (f *stdioFlags) file() string { return f.Config }

// apply makes the server one for one client.
func (f *stdioFlags) apply(config *Config, places option.Places) {
	config.stdio = true
	config.Server.HTTP, config.Server.TCP, config.Server.Unix, config.Admin = "", "", "", ""
	config.Server.Loops, config.Mode = 1, nodes.Single
	config.Server.DrainDelay, config.Server.DrainSpread = 0, 0       // nobody stands in front; one comes back alone
	config.Queue.MaxConnections, config.Queue.SoftConnections = 2, 2 // one, and none at the limit: /readyz says so too
	override(f.Admin, &config.Admin, places, "admin", "admin")
	override(f.Workers, &config.Queue.Workers, places, "workers", "workers")
	override(f.Demo, &config.Demo, places, "demo", "demo")
}

func override[T any](given, to *T, places option.Places, key, flag string) {
	if given != nil {
		*to = *given
		places[key] = option.Place{Flag: flag}
	}
}
