package mount

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/codec/option"
	"weir/reactor/mount/remote"
)

// A mount whose server is spoken to over HTTP: the lines go to package remote, which has the other end of the
// connection.

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

// askingLocked is how many calls have a connection beside those that are sent: one that asks its client keeps its own.
func (m *Mount) askingLocked() int {
	if m.opt.URL == "" {
		return 0
	}
	return m.table.queues[asking].n
}

// upstreamOf is the upstream of a remote, which is made after it.
type upstreamOf struct {
	mount *Mount
	u     *upstream // set before the remote is started
}

// reach makes the connection to a server that is spoken to over HTTP. Nothing is sent yet.
func (m *Mount) reach(heard *upstreamOf) (*remote.Remote, int, *downError) {
	at, err := url.Parse(m.opt.URL)
	if err != nil {
		return nil, -1, &downError{endConnect, err}
	}
	r, fd, err := remote.Begin(remote.Config{URL: at, Headers: m.opt.Headers, TokenFile: m.opt.TokenFile,
		MaxConnections: m.opt.MaxConnections, MaxBytes: m.opt.MaxLineBytes, Patience: min(m.opt.StartTimeout, patience),
		JSON: m.of.json, Failed: heard.failed})
	if err != nil {
		return nil, -1, &downError{endStart, err}
	}
	return r, fd, nil
}

// patience is how long a notification, or an answer to the server, may take.
const patience = 10 * time.Second

// outcomes are what a remote's failures are: of a call, and of the mount's own requests.
var outcomes = [...]struct {
	call Failure
	own  Ending
}{
	remote.Unsent:  {failDown, endConnect},
	remote.Lost:    {failLost, endConnect},
	remote.Busy:    {failBusy, endStatus},
	remote.Denied:  {failRefused, endDenied},
	remote.Refused: {failRefused, endRefused},
	remote.Status:  {failStatus, endStatus},
	remote.Answer:  {failAnswer, endNoMCP},
	remote.Token:   {failRefused, endToken},
}

// failed hears that a request has no answer.
func (h *upstreamOf) failed(id uint64, f *remote.Failure) {
	m := h.mount
	was, ok := h.u.take(id, f.Kind == remote.Unsent || f.Kind == remote.Lost)
	if !ok {
		return
	}
	how := outcomes[f.Kind]
	switch {
	case was.own != nil:
		was.own <- answer{err: &downError{how.own, f}}
	case f.After > 0:
		was.of.Failed = m.failedUntil(how.call, f.Text, f.After)
		was.of.Settle()
	default:
		was.fail(m, how.call, f.Text)
	}
	h.u.Post() // for those that wait for their turn
}

// asksLocked is the call that a request of the server's belongs to. named: it came on the stream of that one; else it
// is the first in progress.
func (u *upstream) asksLocked(q *question) (at place, named bool) {
	m := u.mount
	if u.remote != nil {
		if id, ok := u.remote.CallOf(q.id); ok {
			at, ok := m.table.find(id)
			if !ok || m.table.slots[at].line != sent {
				return nowhere, true
			}
			return at, true
		}
	}
	return m.table.queues[sent].first, false
}
