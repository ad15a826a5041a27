package observers

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec/option"
	"weir/reactor/audit"
	"weir/reactor/logwriter"
	"weir/reactor/trace"
)

// HeadersKey is the key of the file with the collector's header fields.
const HeadersKey = "trace.headers_file"

// Options are what looks on, and how the server is called in there.
type Options struct {
	Trace   trace.Options
	Headers http.Header // of the headers file
	Audit   audit.Options
	Name    string
	Version string
	// Read reads a file that has at most so many bytes.
	Read func(path string, most int64) ([]byte, error)
}

// Observers look on. The methods of a nil one do nothing.
type Observers struct {
	Trace *trace.Tracer
	Audit *audit.Log
	o     Options
	log   zerolog.Logger
}

// LoadHeaders reads the header fields that the collector wants, from the file that is named at that place; none without
// one.
func LoadHeaders(path string, read func(string, int64) ([]byte, error), at option.Place) (http.Header,
	option.Mistakes) {
	if path == "" {
		return nil, nil
	}
	var headers http.Header
	text, err := read(path, trace.MaxHeadersBytes)
	if err == nil {
		headers, err = trace.ParseHeaders(text)
	}
	if err != nil {
		return nil, option.Mistakes{{Place: at, Key: HeadersKey, Text: fmt.Sprintf("%s: %v", path, err)}}
	}
	return headers, nil
}

// Open opens what requests are told to. What is off costs nothing.
func Open(o Options, set *metrics.Set, log zerolog.Logger) (*Observers, error) {
	s := &Observers{o: o, log: log}
	var err error
	if s.Audit, err = audit.Open(o.Audit, logwriter.Descriptor(1), set); err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // without one spans do not say it
	s.Trace = trace.New(o.Trace, o.Headers, trace.Identity{Name: o.Name, Version: o.Version, Host: host}, set,
		func(err error) { log.Error().Err(err).Msg("spans not delivered") })
	return s, nil
}

// Reload opens the audit log again, and reads the collector's header fields.
func (s *Observers) Reload() {
	if err := s.Audit.Reopen(); err != nil {
		s.log.Error().Err(err).Msg("the audit log goes on in the file that was open: put right what audit.file names, " +
			"and SIGHUP again")
	}
	if s.o.Trace.HeadersFile == "" {
		return
	}
	headers, mistakes := LoadHeaders(s.o.Trace.HeadersFile, s.o.Read, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("header fields of traces not reloaded, the former ones hold on")
		return
	}
	s.Trace.Replace(headers)
	s.log.Info().Int("fields", len(headers)).Msg("header fields of traces reloaded")
}

// Close has what they were told last go out, and waits for the audit log's disk that long. The server has stopped, or
// never began.
func (s *Observers) Close(most time.Duration) {
	if s == nil {
		return
	}
	s.Trace.Stop()
	s.Audit.Close(most)
}
