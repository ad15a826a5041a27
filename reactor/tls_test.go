package reactor

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"weir/reactor/loop"
)

// clientHello is how a TLS client begins.
const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

// A client that speaks TLS to a plain port hears of it at once, whatever the port speaks; the log says so once.
func TestTLSOnAPlainPort(t *testing.T) {
	var said logText
	log := zerolog.New(&said)
	s := startLogged(t, &log)
	for range 3 {
		for _, listener := range []string{"http", "tcp"} {
			p := s.dial(listener)
			p.send(clientHello)
			p.gone()
		}
	}
	s.closedFor(loop.CloseTLS, "6")
	if n := strings.Count(said.String(), "TLS on a plain port"); n != 1 {
		t.Errorf("the log says it %d times: %s", n, said.String())
	}
}
