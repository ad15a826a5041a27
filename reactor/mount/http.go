package mount

import (
	"net/url"
	"time"

	"weir/reactor/mount/calls"
	"weir/reactor/mount/reason"
	"weir/reactor/mount/remote"
)

// A mount whose server is spoken to over HTTP: the lines go to package remote, which has the other end of the
// connection.

// upstreamOf is the upstream of a remote, which is made after it.
type upstreamOf struct {
	mount *Mount
	u     *upstream // set before the remote is started
}

// reach makes the connection to a server that is spoken to over HTTP. Nothing is sent yet.
func (m *Mount) reach(heard *upstreamOf) (*remote.Remote, int, *reason.Outage) {
	at, err := url.Parse(m.opt.URL)
	if err != nil {
		return nil, -1, reason.Because(reason.EndConnect, err)
	}
	r, fd, err := remote.Begin(remote.Config{URL: at, Headers: m.opt.Headers, TokenFile: m.opt.TokenFile,
		MaxConnections: m.opt.MaxConnections, MaxBytes: m.opt.MaxLineBytes, Patience: min(m.opt.StartTimeout, patience),
		JSON: m.of.json, Failed: heard.failed, Renewed: heard.renewed})
	if err != nil {
		return nil, -1, reason.Because(reason.EndStart, err)
	}
	return r, fd, nil
}

// patience is how long a notification, or an answer to the server, may take.
const patience = 10 * time.Second

// outcomes are what a remote's failures are: of a call, and of the mount's own requests.
var outcomes = [...]struct {
	call reason.Failure
	own  reason.Ending
}{
	remote.Unsent:  {reason.FailDown, reason.EndConnect},
	remote.Lost:    {reason.FailLost, reason.EndConnect},
	remote.Busy:    {reason.FailBusy, reason.EndStatus},
	remote.Denied:  {reason.FailRefused, reason.EndDenied},
	remote.Refused: {reason.FailRefused, reason.EndRefused},
	remote.Status:  {reason.FailStatus, reason.EndStatus},
	remote.Answer:  {reason.FailAnswer, reason.EndNoMCP},
	remote.Token:   {reason.FailRefused, reason.EndToken},
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
	case was.Own != nil:
		was.Own <- calls.Answer{Err: reason.Because(how.own, f)}
	case f.After > 0:
		was.Of.Failed = m.failedUntil(how.call, f.Text, f.After)
		was.Of.Settle()
	default:
		m.settleFailed(&was, how.call, f.Text)
	}
	h.u.Post() // for those that wait for their turn
}

// renewed has a server that has forgotten its session be told again what it is to speak of.
func (h *upstreamOf) renewed() {
	u, m := h.u, h.mount
	u.level.Store(quiet)
	m.mu.Lock()
	defer m.mu.Unlock()
	if u.noted == nil {
		u.noted = map[string]bool{}
	}
	for uri := range u.following {
		u.noted[uri] = true
	}
	clear(u.following)
	poke(u.follows)
}

// asksLocked is the call that a request of the server's belongs to. named: it came on the stream of that one; else it
// is the first in progress.
func (u *upstream) asksLocked(q *calls.Question) (at calls.Place, named bool) {
	m := u.mount
	if u.remote != nil {
		if id, ok := u.remote.CallOf(q.ID); ok {
			at, ok := m.table.Find(id)
			if !ok || m.table.At(at).Line != calls.Sent {
				return calls.Nowhere, true
			}
			return at, true
		}
	}
	return m.table.First(calls.Sent), false
}
