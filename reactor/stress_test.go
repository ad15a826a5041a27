package reactor

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// together runs f n times at once and reports what went wrong.
func together(t *testing.T, n int, f func(worker int) error) {
	t.Helper()
	var all sync.WaitGroup
	failed := make(chan error, n)
	for worker := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := f(worker); err != nil {
				failed <- err
			}
		}()
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// connect is dial for goroutines other than the test's.
func (s *server) connect(listener string) (*peer, error) {
	c, err := net.Dial("tcp", s.Addrs()[listener])
	if err != nil {
		return nil, err
	}
	return s.peerOf(c), nil
}

// Connections come and go while their calls run, so that descriptors are used again at once: every answer must carry
// the text of its own connection.
func TestNoAnswerReachesTheNextUserOfADescriptor(t *testing.T) {
	s := start(t)
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	together(t, 6, func(worker int) error {
		for round := range rounds {
			name := fmt.Sprintf("worker %d round %d;", worker, round)
			if err := s.abruptly(name, []string{"tcp", "http"}[round%2], rand.IntN(3)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	s.eventually("everything is given back", func() bool {
		return s.Connections() == 0 && s.loops.InputBytes() == 0 && s.loops.OutboxBytes() == 0 && s.queue.HeldBytes() == 0 &&
			s.limits.Connections() == 0
	})
}

// abruptly makes calls that name their connection and leaves before, in the middle of, or after the answers.
func (s *server) abruptly(name, listener string, leave int) error {
	p, err := s.connect(listener)
	if err != nil {
		return err
	}
	defer p.Close()
	const calls = 20
	all := ""
	if listener == "tcp" {
		all = hello + "\n"
	}
	for id := range calls {
		tool, arguments := "echo", fmt.Sprintf(`{"message":"%s"}`, name)
		if id%4 == 3 {
			tool, arguments = "sleep", `{"ms":1}`
		}
		if listener == "tcp" {
			all += toolCall(fmt.Sprint(1+id), tool, arguments)
		} else {
			all += modernCall(fmt.Sprint(1+id), tool, arguments)
		}
	}
	if _, err := io.WriteString(p.Conn, all); err != nil {
		return err
	}
	if leave == 0 {
		return p.Conn.(*net.TCPConn).SetLinger(0) // a reset, with everything still under way
	}
	for got := 0; got < calls/leave; {
		var text string
		var err error
		if listener == "tcp" {
			text, err = p.r.ReadString('\n')
		} else {
			_, text, err = p.readResponse()
		}
		if err != nil {
			return err
		}
		if strings.Contains(text, "worker ") && !strings.Contains(text, name) {
			return fmt.Errorf("got somebody else's answer: %s", text)
		}
		if !strings.Contains(text, "protocolVersion") {
			got++
		}
	}
	return nil
}

// A random mix of requests, pipelined and cut anywhere, is answered completely and in order.
func TestHTTPPipeliningStress(t *testing.T) {
	s := start(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	together(t, 8, func(worker int) error {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		for range 10 {
			if err := s.mixed(random); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *server) mixed(random *rand.Rand) error {
	p, err := s.connect("http")
	if err != nil {
		return err
	}
	defer p.Close()
	var sent strings.Builder
	var want []string
	for id := range 60 {
		text := fmt.Sprintf("call %d;%s", id, strings.Repeat("x", random.IntN(3000)))
		request, answer := modernCall(fmt.Sprint(id), "echo", `{"message":"`+text+`"}`), `"text":"`+text
		switch random.IntN(6) {
		case 0:
			request, answer = modernCall(fmt.Sprint(id), "sleep",
				`{"ms":`+fmt.Sprint(random.IntN(4))+`}`), fmt.Sprintf(`"id":%d,`, id)
		case 1:
			request, answer = postDiscover(), `"supportedVersions"`
		case 2:
			request, answer = "PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", "not served"
		case 3:
			request, answer = post("nonsense"), "-32700"
		}
		sent.WriteString(request)
		want = append(want, answer)
	}
	go p.cut(sent.String(), random.IntN(1000))
	for i, part := range want {
		_, body, err := p.readResponse()
		if err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		if !strings.Contains(body, part) {
			return fmt.Errorf("answer %d is %.200s, want %.80s", i, body, part)
		}
	}
	return nil
}

// cut writes text in pieces of up to most+1 bytes.
func (p *peer) cut(text string, most int) {
	for len(text) > 0 {
		n := min(len(text), 1+rand.IntN(most+1))
		if _, err := io.WriteString(p.Conn, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

// Messages in random fragments with pings between them.
func TestWebSocketStress(t *testing.T) {
	s := start(t)
	peers := make([]*peer, 8)
	for i := range peers {
		peers[i] = s.websocket()
		peers[i].text(hello)
		peers[i].received()
	}
	together(t, len(peers), func(worker int) error { return peers[worker].fragments(worker) })
}

func (p *peer) fragments(worker int) error {
	const calls = 100
	var sent bytes.Buffer
	pings := 0
	for id := range calls {
		message := strings.TrimSpace(toolCall(fmt.Sprint(1+id), "echo",
			fmt.Sprintf(`{"message":"worker %d call %dé;%s"}`, worker, id, strings.Repeat("ü", rand.IntN(2000)))))
		opcode := ws.OpText
		for final := false; !final; opcode = ws.OpContinuation {
			n := rand.IntN(len(message) + 1)
			if final = n == len(message) || rand.IntN(8) == 0; final {
				n = len(message)
			}
			if err := ws.WriteFrame(&sent, ws.MaskFrame(ws.NewFrame(opcode, final, []byte(message[:n])))); err != nil {
				return err
			}
			message = message[n:]
			if rand.IntN(2) == 0 {
				pings++
				sent.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte("ping")))))
			}
		}
	}
	go p.cut(sent.String(), 3000)
	seen := map[string]bool{}
	for len(seen) < calls || pings > 0 {
		f, err := readFrame(p.r)
		if err != nil {
			return err
		}
		if f.Header.OpCode == ws.OpPong {
			pings--
			continue
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(string(f.Payload), `{"jsonrpc":"2.0","id":`), ",")
		if seen[id] || !strings.Contains(string(f.Payload), fmt.Sprintf("worker %d call ", worker)) {
			return fmt.Errorf("worker %d got %x %.200q", worker, f.Header.OpCode, f.Payload)
		}
		seen[id] = true
	}
	return nil
}
