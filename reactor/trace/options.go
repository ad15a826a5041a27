package trace

import (
	"net/url"
	"time"

	"weir/codec/option"
)

// Options say where spans go, and which.
type Options struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP in protobuf, such as http://127.0.0.1:4318. Without a
	// path /v1/traces is asked. Redirects are not followed.
	Endpoint string `yaml:"endpoint" zero:"off"`
	// Sample is the part of the requests that are traced, of those whose client says nothing of a trace: 1 is all, 0.01
	// one in a hundred. A client that says so (traceparent, in _meta or the HTTP head) has its requests traced or not as
	// its own span is.
	Sample float64 `yaml:"sample" default:"1" min:"0" max:"1"`
	// HeadersFile holds header fields that the collector wants, one "Name: value" a line, such as a token. It is read at
	// the start and with SIGHUP.
	HeadersFile string `yaml:"headers_file" zero:"none"`
	// MaxQueue is how many spans may wait for the collector, at about 1 KB each. The next one is dropped and counted
	// (trace_queue_full).
	MaxQueue int `yaml:"max_queue" default:"2048" min:"1" max:"1000000" unit:"spans"`
	// MaxBatch is how many spans one request to the collector brings.
	MaxBatch int `yaml:"max_batch" default:"512" min:"1" max:"10000" unit:"spans"`
	// Interval is how long a span waits for others to fill a batch.
	Interval time.Duration `yaml:"interval" default:"1s" min:"1ms" max:"1m"`
	// Timeout is how long one request to the collector may take, its answer included. It bounds the flush at the end of
	// the process too.
	Timeout time.Duration `yaml:"timeout" default:"5s" min:"10ms" max:"1m"`
	// GiveUpAfter is for how long a batch is tried when the collector is away, or asks to come again. Then its spans are
	// dropped and counted (trace_gave_up).
	GiveUpAfter time.Duration `yaml:"give_up_after" default:"30s" min:"0s" max:"1h" zero:"one try"`
}

// tracesPath is where collectors take spans (OTLP 1.9, OTLP/HTTP request).
const tracesPath = "/v1/traces"

// url is the endpoint with its path.
func (o *Options) url() string {
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return o.Endpoint
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u.String()
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	if o.Endpoint == "" {
		return found.Errors()
	}
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		found.Add("endpoint", "%s is not the URL of a collector: allowed is one like http://127.0.0.1:4318, or \"\" (off)",
			option.Quote(o.Endpoint))
	} else if u.User != nil {
		found.Add("endpoint", "it holds a password, which would be logged: allowed is a header field, in the file that "+
			"headers_file names")
	}
	return found.Errors()
}
