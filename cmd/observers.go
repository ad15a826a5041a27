package cmd

import (
	"fmt"
	"net/http"
	"os"

	"weir/codec/option"
	"weir/reactor/audit"
	"weir/reactor/logwriter"
	"weir/reactor/trace"
)

// Who looks on: the traces and the audit log.

const headersKey = "trace.headers_file"

// loadTraceHeaders reads the header fields that the collector wants; none without a file.
func loadTraceHeaders(path string, at option.Place) (http.Header, option.Mistakes) {
	if path == "" {
		return nil, nil
	}
	var headers http.Header
	text, err := readBounded(path, trace.MaxHeadersBytes)
	if err == nil {
		headers, err = trace.ParseHeaders(text)
	}
	if err != nil {
		return nil, option.Mistakes{{Place: at, Key: headersKey, Text: fmt.Sprintf("%s: %v", path, err)}}
	}
	return headers, nil
}

// observe opens what requests are told to.
func (s *server) observe() (err error) {
	if s.audit, err = audit.Open(s.config.Audit, logwriter.Descriptor(1), s.metrics); err != nil {
		return err
	}
	host, _ := os.Hostname() // without one spans do not say it
	who := trace.Identity{Name: s.config.MCP.Name, Version: s.config.MCP.Version, Host: host}
	s.trace = trace.New(s.config.Trace, s.config.traceHeaders, who, s.metrics, func(err error) {
		s.log.Error().Err(err).Msg("spans not delivered")
	})
	return nil
}

// reloadObservers opens the audit log again, and reads the collector's header fields.
func (s *server) reloadObservers() {
	if s.audit.On() {
		if err := s.audit.Reopen(); err != nil {
			s.log.Error().Err(err).Msg("the audit log goes on in the file that was open: put right what audit.file names, " +
				"and SIGHUP again")
		}
	}
	if s.config.Trace.HeadersFile == "" {
		return
	}
	headers, mistakes := loadTraceHeaders(s.config.Trace.HeadersFile, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("header fields of traces not reloaded, the former ones hold on")
		return
	}
	s.trace.Replace(headers)
	s.log.Info().Int("fields", len(headers)).Msg("header fields of traces reloaded")
}

// endObservers has what they were told last go out. The reactor has stopped, or never began.
func (s *server) endObservers() {
	s.trace.Stop()
	s.audit.Close(lastWords)
}
