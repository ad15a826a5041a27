package registry

import (
	"fmt"
	"sync"
	"testing"

	"weir/registry/event"
	"weir/registry/protocol"
)

// Publishing, subscribing and ending may all happen at once; in the end nothing is left and nothing was counted twice.
func TestSubscriptionsRace(t *testing.T) {
	r := newFixture(t)
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				r.ResourceUpdated(fmt.Sprintf("test://%d", i%8))
				r.listChanged(protocol.List(i % int(protocol.ListCount)))
			}
		}
	})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 200 {
				f, e := r.events.Listen([]byte("1"), &event.Filter{Tools: true, Prompts: true, Resources: true}, nil, &wire{})
				if e != nil {
					t.Error(e)
				}
				s := f.Current()
				for i := range 8 {
					if _, e := f.Subscribe(topic{&r.topics, fmt.Sprintf("test://%d", i)}); e != nil {
						t.Error(e)
					}
				}
				for range 4 {
					s.Next(nil)
				}
				f.Unsubscribe(topic{&r.topics, "test://3"})
				s.Close()
				s.Close()
				if message, _ := s.Next(nil); len(message) > 0 || !s.Over() {
					t.Errorf("after the end came %s", message)
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	all.Wait()
	if n := r.events.Subscriptions(); n != 0 || len(r.topics.byURI) != 0 {
		t.Errorf("%d subscriptions and %d resources are left", n, len(r.topics.byURI))
	}
}

// However often a resource or a list changes, it is told once; each later change is told again.
func TestChangesCoalesce(t *testing.T) {
	r := newFixture(t)
	w := &wire{}
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["b","a","a"]},`+modernMeta+`}}`)
	x.Responder = w
	if class := r.Route(x); class != Listening {
		t.Fatal("class", class)
	}
	r.Dispatch(x, nil)
	s := x.Stream()
	count := func() (n int) {
		for message, _ := s.Next(nil); len(message) > 0; message, _ = s.Next(nil) {
			n++
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d messages before anything changed", n)
	}
	for range 10 {
		r.listChanged(protocol.ListTools)
		r.listChanged(protocol.ListPrompts)
		r.ResourceUpdated("a")
		r.ResourceUpdated("b")
		r.ResourceUpdated("c")
	}
	if n := count(); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	r.ResourceUpdated("b")
	if n := count(); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	x.Cancel()
	r.ResourceUpdated("b")
	if n := count(); n != 0 || !s.Over() {
		t.Errorf("%d messages after it was cancelled", n)
	}
}
