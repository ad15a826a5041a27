package reactor

import "testing"

// TestForwardedDrain: whichever of both nodes stops, a stream that is forwarded ends in order, the call that is under
// way is answered, and what comes then is refused by name.
func TestForwardedDrain(t *testing.T) {
	for i, stops := range []string{"owner", "entry"} {
		t.Run(stops, func(t *testing.T) {
			j := startCluster(t, 2)
			a, b := j.servers[0], j.servers[1]
			first := a.dial("http")
			session := first.session()
			stream, call, late := b.dial("http"), b.dial("http"), b.dial("http")
			stream.send(get(session))
			e := stream.stream()
			e.next()
			call.send(callIn(session, "1", "stuck", `{}`))
			a.awaitStuck()
			late.send(callIn(session, "2", "echo", `{"message":"x"}`))
			late.wantStatus(200, `"id":2`)
			ended := make(chan DrainReport)
			go func() { ended <- j.servers[i].stop(patience) }()
			e.ends()
			late.send(callIn(session, "3", "echo", `{"message":"x"}`))
			late.wantStatus(503, `"id":3`, `"reason":"draining"`, `"executed":false`)
			a.free()
			call.wantStatus(200, `"id":1`)
			for _, p := range []*peer{first, stream, call, late} { // who stops waits for its peers
				p.Close()
			}
			if r := <-ended; r.Messages != 0 || r.OutboxBytes != 0 {
				t.Errorf("%+v", r)
			}
			for _, s := range j.servers {
				if n := s.metric("weir_cluster_forwarded_open"); n != "0" {
					t.Errorf("%s are open", n)
				}
			}
		})
	}
}
