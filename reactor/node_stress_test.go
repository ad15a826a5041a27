package reactor

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/backpressure"
)

// wanderer is a client that sends each request to another node, and does to some what clients do.
type wanderer struct {
	t       *testing.T
	j       *joined
	number  int
	rnd     *rand.Rand
	killed  *atomic.Bool // the last node is not there any more
	session string
	owner   int
	asked   int
	lost    int // of its requests: those whose node ended
	entry   int // it is connected to
}

// dial connects to a node that is there.
func (w *wanderer) dial() *peer {
	nodes := len(w.j.servers)
	if w.killed.Load() {
		nodes--
	}
	w.entry = w.rnd.IntN(nodes)
	c, err := net.Dial("tcp", w.j.servers[w.entry].Addrs()["http"])
	if err != nil {
		w.t.Error(err)
		return nil
	}
	return w.j.servers[0].peerOf(c)
}

// begin begins a session.
func (w *wanderer) begin() {
	p := w.dial()
	defer p.Close()
	_, _ = io.WriteString(p, post(hello))
	r, body, err := p.readResponse()
	if err != nil || r.StatusCode != 200 {
		w.t.Errorf("initialize: %v %v %s", r, err, body)
		return
	}
	w.session = "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
	w.owner = int(r.Header.Get("Mcp-Session-Id")[1] - '0')
}

// wander does one thing.
func (w *wanderer) wander() {
	p := w.dial()
	if p == nil {
		return
	}
	defer p.Close()
	w.asked++
	id, text := fmt.Sprint(w.asked), fmt.Sprintf("%d-%d-", w.number, w.asked)
	switch w.rnd.IntN(10) {
	case 0: // a stream, and away
		_, _ = io.WriteString(p, get(w.session))
		if r, err := http.ReadResponse(p.r, nil); err == nil && r.StatusCode == 200 {
			_, _ = r.Body.Read(make([]byte, 1))
		}
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
	case 1: // a call that is not waited for
		_, _ = io.WriteString(p, callIn(w.session, id, "sleep", `{"ms":5}`))
	case 2: // a cancellation
		_, _ = io.WriteString(p, callIn(w.session, id, "sleep", `{"ms":500}`))
		q := w.dial()
		_, _ = io.WriteString(q, post(cancelled(id), w.session))
		_, _, _ = q.readResponse()
		q.Close()
	case 3: // a large answer
		w.judge(p, callIn(w.session, id, "echo", `{"message":"`+text+strings.Repeat("x", 300_000)+`"}`), id, text)
	case 4: // messages ahead
		r := postTell(id, `{"times":5}`, `"progressToken":"`+text+`"`, w.session)
		w.judge(p, r, id, `"progressToken":"`+text)
	default:
		w.judge(p, callIn(w.session, id, "echo", `{"message":"`+text+`"}`), id, text)
	}
}

// judge sends a request and holds its answer against what it must be.
func (w *wanderer) judge(p *peer, request, id, text string) {
	dead := len(w.j.servers) - 1
	_, _ = io.WriteString(p, request)
	r, body, err := p.readResponse()
	ofDead := w.owner == dead && w.killed.Load()
	switch {
	case err == nil && r.StatusCode == 200 && strings.Contains(body, text) && strings.Contains(body, `"id":`+id+","):
	case ofDead && err == nil && strings.Contains(body, `"reason":"node_lost"`) && strings.Contains(body, `"id":`+id+","):
		w.lost++
	case ofDead && err == nil && (r.StatusCode == 404 || strings.Contains(body, "node_suspected")):
		w.lost++
	case ofDead && err != nil: // cut
		w.lost++
	case w.entry == dead && w.killed.Load(): // in this process it goes on, and finds itself alone
	default:
		w.t.Errorf("client %d of node %d: %v %v %.300s", w.number, w.owner, r, err, body)
	}
	if ofDead {
		w.begin()
	}
}

// TestNodesStress has clients wander between three nodes, of which one is killed. Each answer is its own client's, and
// what was taken at the nodes that are left is given back.
func TestNodesStress(t *testing.T) {
	j := startCluster(t, 3)
	dead := j.servers[2]
	for _, s := range j.servers {
		s.addTell()
	}
	j.told()
	var killed atomic.Bool
	var clients sync.WaitGroup
	var halfway sync.WaitGroup
	const number, steps = 24, 60
	halfway.Add(number)
	lost := make([]int, number)
	for i := range number {
		clients.Go(func() {
			w := &wanderer{t: t, j: j, number: i, rnd: rand.New(rand.NewPCG(uint64(i), 1)), killed: &killed}
			w.begin()
			for range steps / 2 {
				w.wander()
			}
			halfway.Done()
			for !killed.Load() {
				w.wander()
			}
			for range steps / 2 {
				w.wander()
			}
			lost[i] = w.lost
		})
	}
	halfway.Wait()
	killed.Store(true)
	j.kill(2)
	clients.Wait()
	t.Log("requests whose node ended, by client:", lost)
	if slices.Max(lost) == 0 {
		t.Error("nobody noticed that a node was killed")
	}
	dead.free()
	j.servers = j.servers[:2]
	for _, s := range j.servers {
		s.eventually("nothing runs", func() bool {
			return s.queue.Executing(backpressure.Blocking) == 0 && s.queue.Waiting() == 0 && s.Connections() == 0
		})
		for _, series := range []string{"weir_connections", "weir_queue_waiting_messages", "weir_queue_bytes"} {
			if n := s.metric(series); n != "0" {
				t.Errorf("%s is %s", series, n)
			}
		}
		if n := s.engine.Streams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	}
	j.settled()
}
