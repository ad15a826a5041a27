package queue

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/codec/option"
)

// Options are the bounds of calls between front ends and workers. Both sides have the same file.
type Options struct {
	// Engine is the broker: nats:// or tls://host:port (a NATS server with JetStream; several with commas between them),
	// redis:// or rediss://host:port/db, amqp:// or amqps://host:port/vhost (RabbitMQ). Modes frontend and worker need it.
	Engine string `yaml:"engine" max:"4096" zero:"none"`
	// SecretFile is a file whose first line is user:password for the broker.
	SecretFile string `yaml:"secret_file" max:"4096" zero:"none"`
	// Prefix stands before every name at the broker: clusters that share one have each its own.
	Prefix string `yaml:"prefix" default:"weir"`
	// MaxMessages is how many calls the broker holds; the next is refused (503, cluster_queue_full). RabbitMQ counts those
	// that wait, the others also those that workers have. The first process that comes says it to the broker.
	MaxMessages int `yaml:"max_messages" default:"10000" min:"1" max:"10000000" unit:"calls"`
	// MaxBytes bounds their bytes likewise.
	MaxBytes int `yaml:"max_bytes" default:"64 MiB" min:"64 KiB" max:"64 GiB" unit:"bytes"`
	// Batch is how many calls are pushed or taken in one go, at most. One that comes alone is not held back.
	Batch int `yaml:"batch" default:"100" min:"1" max:"1000" unit:"calls"`
	// Credit is how many calls a worker has at once, at most; it takes no more than it has free.
	Credit int `yaml:"credit" default:"256" min:"1" max:"65535" unit:"calls"`
	// MaxInFlight is for how many answers a front end waits; the next call is refused (503, cluster_in_flight).
	MaxInFlight int `yaml:"max_in_flight" default:"10000" min:"1" max:"1000000" unit:"calls"`
	// MaxInFlightBytes bounds the bytes of these calls, and of answers on their way to clients; at a worker what waits to
	// be sent to front ends.
	MaxInFlightBytes int `yaml:"max_in_flight_bytes" default:"64 MiB" min:"64 KiB" max:"64 GiB" unit:"bytes"`
	// CallTimeout is how long a call may take from the front end to its answer, with all the waiting. Then it is answered
	// with worker_timeout and taken back. The broker drops what waits for longer. Raise it where handlers run longer,
	// which mcp.handler_timeout (5m) lets them.
	CallTimeout time.Duration `yaml:"call_timeout" default:"60s" min:"100ms" max:"24h"`
	// WorkerTimeout is how long a worker may be silent until the calls that it has are others', or end with worker_lost.
	WorkerTimeout time.Duration `yaml:"worker_timeout" default:"5s" min:"500ms" max:"10m"`
	// BrokerTimeout is how long the broker may take to answer. Then calls are refused (503, cluster_queue_down), those
	// that it has included.
	BrokerTimeout time.Duration `yaml:"broker_timeout" default:"2s" min:"100ms" max:"1m"`
}

// schemes are those of engines.
var schemes = []string{"nats", "tls", "redis", "rediss", "amqp", "amqps"}

// Validate returns everything that is wrong with o.
func (o *Options) Validate() []error {
	type tagged Options // without this method, or the tags would ask it
	found := option.Check((*tagged)(o))
	if o.Engine != "" {
		o.checkEngine(&found)
	}
	if !CheckName(o.Prefix) {
		found.Add("prefix", "%q: allowed are 1 to 64 of a-z, A-Z, 0-9, _ and -, but not %s", o.Prefix, Workers)
	}
	return found.Errors()
}

// checkEngine finds what is wrong with the addresses. They are shown where the broker is missed.
func (o *Options) checkEngine(found *option.Mistakes) {
	for _, one := range strings.Split(o.Engine, ",") {
		if u, err := url.Parse(one); err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" {
			found.Add("engine", "it is not the address of a broker: allowed is what begins with %s://",
				strings.Join(schemes, "://, "))
			return
		} else if u.User != nil {
			found.Add("engine", "it holds a password, which would be shown: allowed is a line user:password in the file that "+
				"secret_file names")
			return
		}
	}
}

// CheckName says whether name can be a process's, or a prefix.
func CheckName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return name != "" && len(name) <= 64 && name != Workers && strings.Trim(name, allowed) == ""
}

// Config is what an engine needs, of a process of that name.
func (o *Options) Config(name string, works bool) Config {
	return Config{Name: name, Prefix: o.Prefix, Works: works, Credit: o.Credit, MaxMessages: o.MaxMessages,
		MaxBytes: o.MaxBytes, MaxUnsentBytes: o.MaxInFlightBytes, MaxAge: o.CallTimeout, Silence: o.WorkerTimeout,
		Deadline: o.BrokerTimeout}
}
