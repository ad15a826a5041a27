package reactor

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// R1: the answers of a batch that wait for its last one are on the books, and one for which there is no room is refused
// by name, in its place.
func TestBatchIsOnTheBooks(t *testing.T) {
	s := start(t, roomy, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.MaxOutboxTotalBytes, o.Messages.Line.MaxMessageBytes = 1<<20, 4<<20
	})
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	elements := []string{toolCall("0", "stuck", `{}`)}
	text := strings.Repeat("x", 100_000)
	for id := range 20 {
		elements = append(elements, toolCall(fmt.Sprint(1+id), "echo", `{"message":"`+text+`"}`))
	}
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	p.send("[" + strings.Join(elements, ",") + "]\n")
	s.awaitStuck()
	s.eventually("the others are answered", func() bool {
		return s.queue.Executing(backpressure.Compute) == 0 && s.queue.Waiting() == 0
	})
	if held := s.loops.OutboxBytes(); held < 600_000 || held > 1<<20 {
		t.Errorf("%d bytes are on the books", held)
	}
	if holders := s.Holders(3); len(holders) != 1 || holders[0].Kept < 600_000 || holders[0].Transport != "tcp" {
		t.Errorf("the holders are %+v", holders)
	}
	s.free()
	answer := p.line()
	kept, refused := strings.Count(answer, text), strings.Count(answer, `"data":{"reason":"outbox_total_bytes","executed":true}`)
	if kept < 6 || kept+refused != 20 {
		t.Errorf("%d answers were kept and %d refused", kept, refused)
	}
	contains(t, answer, `the answer has 100`, `may have 1048576 in all (max_outbox_total_bytes)`)
	if got := s.metric(`weir_answers_refused_total{reason="outbox_total_bytes"}`); got != fmt.Sprint(refused) {
		t.Errorf("%s are counted, want %d", got, refused)
	}
	s.eventually("everything is given back", func() bool { return s.loops.OutboxBytes() == 0 })
}

// A batch whose connection has gone holds nothing, and its elements run to their end.
func TestBatchOfAGoneConnection(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	p.send("[" + strings.TrimSpace(toolCall("1", "stuck", `{}`)) + "," +
		strings.TrimSpace(toolCall("2", "echo", `{"message":"`+strings.Repeat("x", 50_000)+`"}`)) + "]\n")
	s.awaitStuck()
	s.eventually("one answer is kept", func() bool { return s.loops.OutboxBytes() > 50_000 })
	must(t, p.Conn.(*net.TCPConn).SetLinger(0)) // else it could still read
	must(t, p.Close())
	s.eventually("nothing is", func() bool { return s.Connections() == 0 && s.loops.OutboxBytes() == 0 })
	s.free()
	s.eventually("it is over", func() bool { return s.queue.HeldBytes() == 0 && s.loops.OutboxBytes() == 0 })
}

// R7: an answer that waits for its turn counts with its place, which is ten times an answer of a few bytes.
func TestPlacesInALineCount(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	p.send(modernCall("0", "stuck", `{}`))
	s.awaitStuck()
	const n = 50
	for id := range n {
		p.send(modernCall(fmt.Sprint(1+id), "echo", `{"message":"x"}`))
	}
	const place = 512 + 256 + 512 // call, its room, and the buffer of an answer of 300 bytes
	s.eventually("they are on the books", func() bool { return s.loops.OutboxBytes() >= n*place })
	if held := s.loops.OutboxBytes(); held > n*place+4096 {
		t.Errorf("%d bytes are on the books, want %d", held, n*place)
	}
	s.free()
	for range 1 + n {
		p.response()
	}
	s.eventually("everything is given back", func() bool { return s.loops.OutboxBytes() == 0 })
}

// N4: answers that cannot be kept are refused before they begin, and those that have begun reach their clients whole.
func TestLargeAnswersAreWholeOrRefused(t *testing.T) {
	const size, clients = 3_000_000, 8
	s := start(t, roomy, func(o *Options, b *backpressure.Options, r *registry.Options) {
		o.MaxOutboxTotalBytes, r.MaxResultBytes = 10<<20, 8<<20
		b.MaxWaitingBytesPerConnection, o.Messages.HTTP.MaxBodyBytes = 8<<20, 4<<20
		o.Messages.Line.MaxMessageBytes = 4 << 20
	})
	text := strings.Repeat("x", size)
	answers := make(chan string)
	for i := range clients {
		p := s.dial([]string{"http", "tcp"}[i%2])
		if i%2 == 1 {
			p.greet()
		}
		go func() { // it reads at once
			var answer string
			var err error
			if i%2 == 0 {
				_, _ = io.WriteString(p.Conn, modernCall("1", "echo", `{"message":"`+text+`"}`))
				_, answer, err = p.readResponse()
			} else {
				_, _ = io.WriteString(p.Conn, toolCall("1", "echo", `{"message":"`+text+`"}`))
				answer, err = p.r.ReadString('\n')
			}
			if err != nil {
				answer = "cut: " + err.Error()
			}
			answers <- answer
		}()
	}
	whole, refused, cut := 0, 0, 0
	for range clients {
		switch answer := <-answers; {
		case strings.HasPrefix(answer, "cut: "):
			cut++
		case strings.Contains(answer, text):
			whole++
		case strings.Contains(answer, "outbox_total_bytes"):
			refused++
		default:
			t.Errorf("a client got %.100s", answer)
		}
	}
	// On a machine that has no time for a client within a second, that one gives way to others, for the reason it has.
	s.closedFor(loop.CloseOutboxBudget, fmt.Sprint(cut))
	if whole == 0 || whole+refused+cut != clients {
		t.Errorf("%d are whole, %d refused, %d cut", whole, refused, cut)
	}
	s.eventually("everything is given back", func() bool { return s.loops.OutboxBytes() == 0 })
}

// What is cut all the same is counted and logged, with its size and the key that says so.
func TestCutAnswersAreTold(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.WriteTimeout = 300 * time.Millisecond
	})
	s.dial("tcp").narrow().greet().ask(50, 100_000)
	s.closedFor(loop.CloseWriteStalled, "1")
	if got := s.metric(`weir_answers_cut_total{reason="write_timeout"}`); got != "1" {
		t.Errorf("%s are counted", got)
	}
	if got := s.metric("weir_answers_cut_bytes_total"); len(got) < 5 {
		t.Errorf("%s bytes are counted", got)
	}
}

// The account of a connection says where its bytes are.
func TestAccounts(t *testing.T) {
	s := start(t)
	s.addAsk()
	line, web, asks := s.dial("tcp").greet(), s.dial("http"), s.dial("tcp").greetAble()
	line.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	for id := range 3 {
		line.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"resources/subscribe","params":{"uri":"test://%d/%s"}}`+"\n", 10+id,
			id, strings.Repeat("u", 2000)))
		line.line()
	}
	line.send(modernTask("20", "subscriptions/listen", `"notifications":{"toolsListChanged":true}`) + "\n")
	line.line()
	line.send(strings.Repeat("x", 40_000))
	web.send(modernCall("0", "stuck", `{}`) + modernCall("1", "echo", `{"message":"`+strings.Repeat("y", 10_000)+`"}`))
	asks.send(strings.Replace(askCall("1", 1), `"arguments"`, `"_meta":{"pad":"`+strings.Repeat("z", 20_000)+
		`"},"arguments"`, 1) + "\n")
	asks.line()
	s.eventually("all of it is on the accounts", func() bool {
		found := s.Holders(10)
		return len(found) == 3 && found[0].Unfinished == 64<<10 && found[0].Subscribed > 3*2600+1600 && found[0].Queued == 0 &&
			found[1].Transport == "tcp" && found[1].Suspended >= 20_000 && found[2].Transport == "http" && found[2].Kept > 10_000
	})
	if found := s.Holders(10); len(found) > 0 {
		t.Logf("%+v", found)
	}
	if found := s.Holders(1); len(found) != 1 || found[0].Total() < 64<<10+9400 {
		t.Errorf("the largest is %+v", found)
	}
	s.free()
}
