package reactor

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"weir/reactor/mount"
)

// What a mount over HTTP has besides tools.

// offersAll answers what a server that has everything is asked for besides tools.
func offersAll(w http.ResponseWriter, m said) bool {
	const capabilities = `"capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},` +
		`"resources":{"subscribe":true,"listChanged":true}}`
	switch m.Method {
	case "server/discover":
		sayJSON(w, m, `{"resultType":"complete","supportedVersions":["2026-07-28"],`+capabilities+`}`)
	case "prompts/list":
		sayJSON(w, m, `{"prompts":[`+strings.Replace(promptP, `"p"`, `"ü"`, 1)+`]}`)
	case "resources/list":
		sayJSON(w, m, `{"resources":[`+resource+`]}`)
	case "resources/templates/list":
		sayJSON(w, m, `{"resourceTemplates":[]}`)
	case "resources/subscribe":
		sayJSON(w, m, `{}`)
	case "prompts/get":
		sayJSON(w, m, `{"messages":[]}`)
	case "resources/read":
		sayJSON(w, m, `{"contents":[]}`)
	default:
		return false
	}
	return true
}

// TestMountHTTPForgetsOffers: with a session that is begun again all lists are asked for, and what was subscribed to is
// subscribed to again.
func TestMountHTTPForgetsOffers(t *testing.T) {
	h := newHTTPMount(t)
	h.first = func(w http.ResponseWriter, r *http.Request, m said) bool {
		if m.Method == "initialize" {
			h.mu.Lock()
			h.live = fmt.Sprintf("s%d", h.at.Add(1))
			w.Header().Set("Mcp-Session-Id", h.live)
			h.mu.Unlock()
			sayJSON(w, m, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"resources":{"subscribe":true}},`+
				`"serverInfo":{"name":"h","version":"1"}}`)
			return true
		}
		h.mu.Lock()
		known := r.Header.Get("Mcp-Session-Id") == h.live
		h.mu.Unlock()
		return known && offersAll(w, m)
	}
	s := mountOver(t, h, nil)
	c := up(t, s, 1)
	c.say(requestOf(1, "resources/subscribe", `"uri":"test://one"`))
	contains(t, c.hear(), `"id":1,"result":{}`)
	s.eventually("it is subscribed to", func() bool { return strings.Contains(h.methods(), "resources/subscribe") })
	asked := []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/subscribe"}
	before := h.methods()
	h.forget()
	c.say(callOf(1, "m_a", ""))
	c.want(goodAnswer)
	for _, method := range asked {
		s.eventually(method+" is asked for again", func() bool {
			return strings.Count(h.methods(), method) > strings.Count(before, method)
		})
	}
}

// TestMountHTTPModern: a modern server reads in a header what each request is for, and is asked for one stream of what
// changes, which is asked for again when it ends.
func TestMountHTTPModern(t *testing.T) {
	h := newHTTPMount(t)
	var mu sync.Mutex
	names, listens, ended := map[string]string{}, []string(nil), make(chan struct{})
	h.first = func(w http.ResponseWriter, r *http.Request, m said) bool {
		mu.Lock()
		names[m.Method] = r.Header.Get("Mcp-Name")
		if m.Method == "subscriptions/listen" {
			listens = append(listens, string(m.Params))
		}
		mu.Unlock()
		switch {
		case m.Method == "subscriptions/listen":
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\"}\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-ended:
			case <-r.Context().Done():
			}
			return true
		case m.Method == "tools/list":
			sayJSON(w, m, `{"tools":[`+toolA+`]}`)
			return true
		}
		return offersAll(w, m)
	}
	s := mountOver(t, h, func(o *mount.Options) { o.Era = "modern" })
	c := up(t, s, 1)
	for method, row := range map[string][2]string{
		"prompts/get":    {`"name":"m_ü"`, "=?base64?w7w=?="},
		"resources/read": {`"uri":"test://one"`, "test://one"},
	} {
		c.say(requestOf(1, method, row[0]))
		contains(t, c.hear(), `"result"`)
		mu.Lock()
		if names[method] != row[1] {
			t.Errorf("%s: Mcp-Name is %q, want %q", method, names[method], row[1])
		}
		mu.Unlock()
	}
	last := func() (n int, params string) {
		mu.Lock()
		defer mu.Unlock()
		if n = len(listens); n > 0 {
			params = listens[n-1]
		}
		return n, params
	}
	s.eventually("a stream of all lists is asked for", func() bool {
		_, params := last()
		return strings.Contains(params, `"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}`)
	})
	c.say(requestOf(2, "resources/subscribe", `"uri":"test://one"`))
	contains(t, c.hear(), `"id":2,"result":{}`)
	s.eventually("it is asked for with the resource", func() bool {
		_, params := last()
		return strings.Contains(params, `"resourceSubscriptions":["test://one"]`)
	})
	had, _ := last()
	before := h.methods()
	close(ended)
	s.eventually("it is asked for again, and so are the lists", func() bool {
		n, params := last()
		return n > had && strings.Contains(params, "test://one") &&
			strings.Count(h.methods(), "resources/templates/list") > strings.Count(before, "resources/templates/list")
	})
	if m := s.Status().Mounts[0]; m.Breaker.String() != "closed" || !m.Up {
		t.Errorf("%+v", m)
	}
}

// TestMountHTTPIsReplaced: other headers are another mount, which takes over; the session of the one before is ended.
func TestMountHTTPIsReplaced(t *testing.T) {
	h := newHTTPMount(t)
	h.first = func(w http.ResponseWriter, _ *http.Request, m said) bool { // has both sessions at once
		switch m.Method {
		case "tools/list":
			sayJSON(w, m, `{"tools":[`+toolA+`]}`)
		case "tools/call":
			sayJSON(w, m, goodResult)
		case "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
		case http.MethodGet:
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			return false
		}
		return true
	}
	s := mountOver(t, h, nil)
	c := up(t, s, 1)
	other := mount.DefaultOptions()
	other.URL, other.Headers = h.URL+"/mcp", map[string]string{"X-Key": "new"}
	must(t, s.ReplaceMounts(map[string]*mount.Options{"m": &other}))
	s.eventually("the new one answers", func() bool {
		c.say(callOf(1, "m_a", ""))
		c.want(goodAnswer)
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.headers.Get("X-Key") == "new"
	})
	s.eventually("the session before is ended", func() bool { return strings.Contains(h.methods(), "DELETE") })
	if m := s.Status().Mounts; len(m) != 1 || m[0].Tools != 1 {
		t.Errorf("%+v", m)
	}
}
