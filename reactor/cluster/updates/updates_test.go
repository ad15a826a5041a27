package updates

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"weir/reactor/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network is another node's Updates.
type network struct {
	sync.Mutex
	to       *Updates
	messages int
	fails    error
}

func (n *network) Publish(kind cluster.Kind, id uint64, data []byte) error {
	n.Lock()
	defer n.Unlock()
	if n.fails != nil {
		return n.fails
	}
	n.messages++
	n.to.Receive("a", kind, id, bytes.Clone(data))
	return nil
}

// TestUpdates: what is told often within a moment is one message, in the order of the first times; while there is no
// room it waits; what is more than may wait is dropped.
func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		n := &network{to: New(nil, func(uri string) { heard = append(heard, uri) }, metrics.NewSet())}
		u := New(n, nil, metrics.NewSet())
		f := func(messages int, want ...string) {
			t.Helper()
			time.Sleep(2 * gather)
			synctest.Wait()
			n.Lock()
			defer n.Unlock()
			if fmt.Sprint(heard) != fmt.Sprint(want) || n.messages != messages {
				t.Errorf("%q in %d messages, not %q in %d", heard, n.messages, want, messages)
			}
			heard, n.messages = nil, 0
		}
		failing := func(err error) {
			n.Lock()
			defer n.Unlock()
			n.fails = err
		}
		for range 100 {
			u.Tell("a")
			u.Tell("b")
		}
		f(1, "a", "b")
		f(0)
		failing(cluster.ErrFull)
		u.Tell("a")
		f(0)
		failing(nil)
		f(1, "a")
		long := strings.Repeat("l", mostBytes/2)
		u.Tell(long + "1")
		u.Tell(long + "2")
		f(2, long+"1", long+"2")
		failing(cluster.ErrFull)
		u.Tell(long + "1")
		u.Tell(long + "2")
		failing(nil)
		f(1, long+"2")
		u.Tell(long + long)
		f(0)
		failing(cluster.ErrClosed)
		u.Tell("a")
		failing(nil)
		time.Sleep(time.Millisecond)
		f(1, "a")
	})
}

// FuzzReceive: no message makes more of itself than it holds.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x01a\x02bc"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		u := New(nil, func(uri string) { total += len(uri) + 1 }, metrics.NewSet())
		u.Receive("a", Kind, 0, data)
		if total > len(data) {
			t.Errorf("%d bytes of %d", total, len(data))
		}
	})
}
