package reactor

import (
	"fmt"
	"io"
	"testing"
)

// Who asks on and on, though nothing more can be taken of it, is not read any more: its writes block, and it is read
// again when little of what it has waiting is left.
func TestGreedyConnectionIsNotReadOn(t *testing.T) {
	s, open := startHeld(t)
	p := s.dial("tcp").greet()
	over := make(chan int)
	go func() {
		n := 0
		for ; n < 400_000; n++ {
			if _, err := io.WriteString(p.Conn, toolCall(fmt.Sprint(1+n), "held", `{}`)); err != nil {
				break
			}
		}
		over <- n
	}()
	s.eventually("it is held back", func() bool { return s.metric("weir_connections_held_back_total") == "1" })
	refused := s.refusedForWait()
	if refused < 256 || refused > 300 {
		t.Errorf("%d calls were refused before it was held back", refused)
	}
	select {
	case n := <-over:
		t.Errorf("all %d calls were read", n)
	default:
	}
	close(open)
	go func() { _, _ = io.Copy(io.Discard, p.r) }()
	s.eventually("it is read again", func() bool { return s.refusedForWait() > refused })
	p.Close()
	<-over
}
