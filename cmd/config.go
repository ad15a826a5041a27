package cmd

import (
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/cmd/nodes"
	"weir/cmd/succession"
	"weir/codec/option"
	"weir/reactor"
	"weir/reactor/audit"
	"weir/reactor/auth"
	"weir/reactor/mount"
	"weir/reactor/trace"
	"weir/registry"
)

// Config is everything a file or a flag can set. The options of the data path are keys of the top level (the packages
// keep their keys apart by name); what is offered, the log and the message bounds are sections.
type Config struct {
	Server reactor.Options      `yaml:",inline"`
	Queue  backpressure.Options `yaml:",inline"`
	// Preset sets the limits that belong together for a server of a size, as the table above says: safe is 200
	// connections, with an alert at 150. Each of them may be set beside it, by its own key or flag.
	Preset string `yaml:"preset" oneof:"safe,10k,25k,100k" zero:"none"`
	// Demo offers the demonstration tools (echo and others), so that a fresh server has something to call. A program
	// around tools of its own (package cmd) has them off by default, and so has one with mounts.
	Demo bool `yaml:"demo" default:"true"`
	// ShutdownTimeout bounds the whole stop sequence after SIGTERM or SIGINT; what is unfinished then is cut, counted
	// and named in the last log line. A signal that comes a second later, or more, ends the process at once.
	ShutdownTimeout time.Duration      `yaml:"shutdown_timeout" default:"30s" above:"0s" max:"1h"`
	Upgrade         succession.Options `yaml:",inline"`
	// MemoryLimitBytes is the soft limit given to Go's garbage collector (GOMEMLIMIT), which collects harder near it;
	// it refuses nothing by itself. 448 MiB leaves 64 of the 512 MiB that the process must stay under to memory that Go
	// does not see. It must hold max_queue_bytes, max_outbox_total_bytes and max_input_total_bytes together. The
	// environment variable GOMEMLIMIT, when set, wins over this key.
	MemoryLimitBytes int64 `yaml:"memory_limit_bytes" default:"448 MiB" min:"32 MiB" zero:"none" unit:"bytes"`
	// Mode is what this process is among others: single is alone, cluster serves clients and shares what belongs to other
	// nodes with them, frontend serves clients and leaves the calls of its tools to workers, worker serves front ends, and
	// listens only where http or tcp say so. docs/CLUSTER.md tells the whole of it.
	Mode string `yaml:"mode" default:"single" oneof:"single,cluster,frontend,worker"`
	// Cluster is this node and how it meets the others. It is not used in mode single.
	Cluster nodes.Options `yaml:"cluster"`
	// Admin is the address for metrics, health, status and profiles, as host:port. It is a listener of its own with
	// goroutines of its own, so that it answers when the loops cannot.
	Admin string `yaml:"admin" default:"127.0.0.1:9090" zero:"off"`
	// AdminTokensFile names the tokens that Admin asks for on every page but /healthz and /readyz, in the format of
	// auth.tokens_file; they open nothing else. Without it nobody is asked, and Admin must be a loopback address:
	// profiles, limits and addresses are not for everybody. SIGHUP reads the file again.
	AdminTokensFile string `yaml:"admin_tokens_file" was:"admin_allow_remote"`
	// AdminAllowedHosts are names accepted in the Host header of admin requests, beside localhost and plain IP
	// addresses. Anything else is answered 403: a page in a browser may have bound its own name to this address.
	AdminAllowedHosts []string     `yaml:"admin_allowed_hosts"`
	Log               LogConfig    `yaml:"log"`
	Alerts            AlertOptions `yaml:"alerts"`
	// Trace is where spans of requests go (OpenTelemetry).
	Trace trace.Options `yaml:"trace"`
	// Audit is the log of who asked for what, and what became of it.
	Audit audit.Options `yaml:"audit"`
	// Pressure is what gives way first when the process is short of something.
	Pressure pressure.Options `yaml:"pressure"`
	MCP      registry.Options `yaml:"mcp"`
	// Mounts are MCP servers that exist, each under a name of its own: programs that are started, or servers that are
	// connected to. Their tools, prompts and resources are offered as this server's. In the texts of a mount ${VAR} stands
	// for a variable of this process's environment, ${VAR:-default} for the default where it is not set or empty, and $${
	// for ${ itself. docs/GATEWAY.md tells the whole of it.
	Mounts map[string]*mount.Options `yaml:"mounts" max:"256"`

	program      Program
	sockets      map[string]*os.File    // that a manager or a predecessor has passed, by the name of the listener
	own          map[string]bool        // of these: of the predecessor
	tokens       *auth.Tokens           // of auth.tokens_file; nil without one
	admins       *auth.Tokens           // of admin_tokens_file; nil without one
	webhookToken string                 // of alerts.webhook.token_file; "" without one
	traceHeaders http.Header            // of trace.headers_file
	again        func() (Config, error) // reads the configuration again, from where it came
	budgets      budgets
	mounts       map[string]*mount.Options // Mounts, with variables put in
	places       option.Places             // where what was written stands
	stdio        bool                      // the one client comes by itself: there is nothing to listen on
}

// LogConfig is how the server speaks, on standard error.
type LogConfig struct {
	// Level is the least important line shown: debug, info, warn or error.
	Level string `yaml:"level" default:"info" oneof:"debug,info,warn,error"`
	// Format is console (for eyes), json (for machines), or auto: console when standard error is a terminal.
	Format string `yaml:"format" default:"auto" oneof:"auto,console,json"`
}

// defaults is the configuration of the command serve, without file and flags.
func (p Program) defaults() Config {
	config := Config{program: p}
	option.SetDefaults(&config)
	config.MCP.Name, config.MCP.Version = p.Name, p.Version
	if p.Offer != nil {
		config.Demo = false
	}
	if p.Defaults != nil {
		p.Defaults(&config)
	}
	return config
}

// differs are the keys that have another value in other and are not read again.
func (c *Config) differs(other *Config) (keys []string) {
	values, reloadable := map[string]any{}, c.reloadable()
	option.Walk(c, func(f option.Field) { values[f.Key] = f.Value.Interface() })
	option.Walk(other, func(f option.Field) {
		if f.Kind != option.Section && !strings.HasPrefix(f.Key, "alerts.") &&
			!strings.HasPrefix(f.Key, "mounts") && !reloadable[f.Key] &&
			!reflect.DeepEqual(values[f.Key], f.Value.Interface()) {
			keys = append(keys, f.Key)
		}
	})
	return keys
}
