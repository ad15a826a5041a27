package remote

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"time"

	"weir/codec"
	"weir/registry/protocol"
)

// A session: begun, begun again when the server has forgotten it, and the stream of what the server says by itself.

// begin notes a session that the server has begun.
func (r *Remote) begin(m *message, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.session = session{id: id, epoch: r.session.epoch + 1, greeting: m.line}
}

// renew begins the session anew that a server has forgotten, once for all who find that out. What cannot be begun again
// ends the connection: the mount begins with everything.
func (r *Remote) renew(epoch int) *Failure {
	r.renewing.Lock()
	defer r.renewing.Unlock()
	s := r.now()
	if s.epoch != epoch {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.c.Patience)
	defer cancel()
	if f := r.greetAgain(ctx, s); f != nil {
		r.conn.Close()
		return f
	}
	r.listen()
	r.writeChanged()
	r.c.Renewed()
	return nil
}

func (r *Remote) greetAgain(ctx context.Context, s session) *Failure {
	m := &message{line: s.greeting, method: "initialize"}
	response, f := r.post(ctx, m, s)
	if f != nil {
		return f
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return failed(Refused, "it answers %d when its session is begun again", response.StatusCode)
	}
	e := &events{in: bufio.NewReader(response.Body), max: r.c.MaxBytes, account: r.c.Arriving}
	defer e.free()
	var text []byte
	if isStream(response) {
		ev, err := e.next()
		if err != nil {
			return failed(Lost, "%v", err)
		}
		text = ev.data
	} else {
		text, _, _ = r.c.Arriving.read(response.Body, r.c.MaxBytes)
		defer r.c.Arriving.free(text)
		if !r.valid(text) {
			return failed(Answer, "its body is not the answer")
		}
	}
	version, _ := codec.StringOf(codec.Member(codec.Member(text, "result"), "protocolVersion"))
	if string(version) != s.version {
		return failed(Refused, "it has other revisions than before")
	}
	r.begin(m, response.Header.Get("Mcp-Session-Id"))
	r.mu.Lock()
	r.session.version = s.version
	r.mu.Unlock()
	initialized := &message{line: []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)}
	if response, f = r.post(ctx, initialized, r.now()); f == nil {
		drain(response)
	}
	return f
}

// writeChanged has the mount ask for each list: it may be another.
func (r *Remote) writeChanged() {
	for list := range protocol.ListCount {
		r.write([]byte(`{"jsonrpc":"2.0","method":"` + list.ChangedMethod() + `"}`))
	}
}

// listen reads the stream of a legacy session, once.
func (r *Remote) listen() {
	r.mu.Lock()
	s, already := r.session, r.session.listens
	r.session.listens = true
	r.mu.Unlock()
	if !already {
		r.running.Go(func() {
			r.follow(r.ctx, s, func(ctx context.Context, lastID string) (*http.Response, bool) { return r.get(ctx, s, lastID) })
		})
	}
}

// get asks for the stream; no response and false: there is none to be had.
func (r *Remote) get(ctx context.Context, s session, lastID string) (*http.Response, bool) {
	request, f := r.newRequest(ctx, http.MethodGet, nil, s)
	if f != nil {
		return nil, true
	}
	if lastID != "" {
		request.Header["Last-Event-Id"] = []string{lastID}
	}
	response, err := r.transport.RoundTrip(request)
	switch {
	case err != nil:
		return nil, true
	case response.StatusCode == http.StatusOK:
		return response, true
	}
	drain(response)
	if response.StatusCode == http.StatusNotFound && s.id != "" {
		_ = r.renew(s.epoch) // the new session has a stream of its own
		return nil, false
	}
	return nil, response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
}

// subscribe reads the stream that a modern server was asked for. Its end is no answer: it is asked for again until the
// mount takes it back.
func (r *Remote) subscribe(ctx context.Context, cancel context.CancelFunc, m *message) {
	defer r.done(cancel, m)
	r.follow(ctx, r.now(), func(ctx context.Context, _ string) (*http.Response, bool) {
		response, f := r.post(ctx, m, session{})
		switch {
		case f != nil:
			return nil, true
		case response.StatusCode == http.StatusOK && isStream(response):
			return response, true
		}
		drain(response)
		return nil, response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
	})
}

func isStream(response *http.Response) bool {
	return strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream")
}

// follow reads a stream while ctx and the session last, and asks for it again when it ends.
func (r *Remote) follow(ctx context.Context, s session, open func(context.Context, string) (*http.Response, bool)) {
	lastID, wait, had := "", firstRetry, false
	for {
		response, goOn := open(ctx, lastID)
		if !goOn {
			return
		}
		if response != nil {
			if had && lastID == "" { // nobody says what was said meanwhile
				r.writeChanged()
			}
			had = true
			e := &events{in: bufio.NewReader(response.Body), max: r.c.MaxBytes, lastID: lastID, account: r.c.Arriving}
			began := time.Now()
			for {
				ev, err := e.next()
				if err != nil {
					break
				}
				if !ev.long && (ev.name == "" || ev.name == "message") {
					_ = r.hear(ev.data, nil, false)
				}
			}
			e.free()
			response.Body.Close()
			lastID = e.lastID
			if e.retry > 0 || time.Since(began) > maxRetry {
				wait = max(e.retry, minRetry)
			}
		}
		if !pause(ctx, wait) || s.epoch != r.now().epoch {
			return
		}
		wait = min(2*wait, maxRetry)
	}
}
