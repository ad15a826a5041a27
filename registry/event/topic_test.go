package event

import (
	"fmt"
	"sync"
	"testing"

	"weir/registry/protocol"
)

// Publishing, subscribing and ending may all happen at once; in the end nothing is left and nothing was counted twice.
func TestSubscriptionsRace(t *testing.T) {
	h, topics := newHub(), new(Topics)
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				topics.Updated(fmt.Sprintf("test://%d", i%8))
				h.ListChanged(protocol.List(i % int(protocol.ListCount)))
			}
		}
	})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 200 {
				f, e := h.Listen([]byte("1"), &Filter{Tools: true, Prompts: true, Resources: true}, nil, new(counter))
				if e != nil {
					t.Error(e)
				}
				s := f.Current()
				for i := range 8 {
					if _, e := f.Subscribe(topics.Topic(fmt.Sprintf("test://%d", i))); e != nil {
						t.Error(e)
					}
				}
				for range 4 {
					s.Next(nil)
				}
				f.Unsubscribe(topics.Topic("test://3"))
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
	if n := h.subscriptions.Load(); n != 0 || len(topics.byURI) != 0 {
		t.Errorf("%d subscriptions and %d resources are left", n, len(topics.byURI))
	}
}
