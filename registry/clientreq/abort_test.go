package clientreq

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lastWords is a Sender whose first message of either kind waits: the requests until the waiting was ended, what takes
// them back until Done was called, or long enough.
type lastWords struct {
	sending, aborting, done chan struct{}
	after                   bool // something was sent after Done
}

func (s *lastWords) Send(message []byte) bool {
	if !strings.Contains(string(message), "notifications/cancelled") {
		close(s.sending)
		<-s.aborting
		return true
	}
	close(s.aborting)
	select {
	case <-s.done:
		s.after = true
	case <-time.After(100 * time.Millisecond):
	}
	return true
}

// A call's Sender is not used after Done: by then the call may have been answered, and be another one's.
func TestNothingIsSentAfterDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lastWords{sending: make(chan struct{}), aborting: make(chan struct{}), done: make(chan struct{})}
		table, c := newTable(), new(client)
		r, e := table.Open(Call{Client: c, Sender: s, Requests: forms(1), Done: func(Result) { close(s.done) }})
		if e != nil {
			t.Fatal(e)
		}
		sent := make(chan struct{})
		go func() {
			r.Send()
			close(sent)
		}()
		<-s.sending
		table.Expire(time.Hour)
		<-sent
		<-s.done
		if s.after {
			t.Error("the request was taken back through a call that had gone on already")
		}
		empty(t, table, c)
	})
}
