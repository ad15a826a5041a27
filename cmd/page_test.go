package cmd

import (
	"bufio"
	"bytes"
	"fmt"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/cmd/needs"
)

// number is a figure of the page, such as "1,234 in all".
func number(t *testing.T, text string) float64 {
	t.Helper()
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	n, err := strconv.ParseFloat(strings.ReplaceAll(word, ",", ""), 64)
	if err != nil {
		t.Fatalf("%q is no figure", text)
	}
	return n
}

// looks waits until the page has looked at the server so many times more.
func (b *browser) looks(more int) {
	b.t.Helper()
	b.eval(`new Promise(seen => {
		const looks = () => Number(document.body.dataset.looks ?? 0), until = looks() + %d
		const watcher = new MutationObserver(() => {
			if (looks() >= until) { watcher.disconnect(); seen() }
		})
		watcher.observe(document.body, {attributes: true})
	})`, more)
}

// TestPage is the page in a browser: empty, under load, where it agrees with /metrics, with a connection that is ended,
// in both colours, on a telephone, and when the server is gone. With WEIR_PICTURES=DIR the pictures go there, after ten
// minutes of load.
func TestPage(t *testing.T) {
	needs.Programs(t, "nobody looked at the admin page", "chromium")
	t.Parallel()
	path, tokens := makeTokens(t, "alice")
	s := startTest(t, func(c *Config) {
		c.AdminTokensFile = path
		c.admins, _ = loadTokens(path, adminsKey, placeless)
		c.Queue.MaxWaitingPerConnection, c.Queue.MaxExecutingPerConnection = 1, 1
		c.Pressure.MaxSchedulingLatency = 0 // a busy machine would end connections
	})
	b := startBrowser(t)
	b.screen(1280, 900, "light")
	b.open("http://" + s.addresses["admin"] + "/")
	b.eventually("signin", "This server asks who you are")
	signIn := func(token string) {
		b.eval(`document.getElementById('token').value = %q; document.querySelector('#signin button').click()`, token)
	}
	signIn("nobody's")
	b.eventually("signin", "Nobody has this token.")
	b.errors = nil // a browser logs each 401
	signIn(tokens["alice"])
	b.eventually("main", "No calls yet. 4 tools are offered.", "Nothing was refused.", "Nobody is connected.")
	b.eventually("state", "ready")

	victim := dialLine(t, s)
	stop, callers := make(chan struct{}), sync.WaitGroup{}
	end := sync.OnceFunc(func() { close(stop); callers.Wait() })
	defer end()
	callForPage(t, s, &callers, stop)
	pageAgrees(t, s, tokens["alice"], b)
	kickOnPage(t, s, b, victim)
	folder := os.Getenv("WEIR_PICTURES")
	if folder != "" {
		time.Sleep(10 * time.Minute)
	}
	takePictures(t, b, folder)
	end()
	b.eventually("transports", "Nobody is connected.")
	if len(b.errors) > 0 {
		t.Errorf("the page complains: %q", b.errors)
	}
	s.admin.Stop()
	b.eventually("banner", "The server does not answer since ", "what stands here is what it said last")
	if b.eval("document.body.classList.contains('gone')") != "true" {
		t.Error("old values look like new ones")
	}
}

// callForPage has clients of some transports call, several hundred times a second in all, until stop. One of them asks
// for more than it may.
func callForPage(t *testing.T, s *server, callers *sync.WaitGroup, stop chan struct{}) {
	t.Helper()
	paced := func(every time.Duration, clients int, dial func() *patientLine, call func(*patientLine)) {
		lines := []*patientLine{}
		for range clients {
			lines = append(lines, dial())
		}
		callers.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-tick.C:
					call(lines[n%len(lines)])
				case <-stop:
					for _, l := range lines {
						l.Close()
					}
					return
				}
			}
		})
	}
	lineOn := func(network, address string) func() *patientLine {
		return func() *patientLine {
			conn, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			return &patientLine{conn, bufio.NewReader(patientReader{conn})}
		}
	}
	overTCP, overUnix := lineOn("tcp", s.addresses["tcp"]), lineOn("unix", s.addresses["unix"])
	overHTTP := lineOn("tcp", s.addresses["http"])
	paced(4*time.Millisecond, 30, overTCP, func(l *patientLine) { l.call(t, "echo", `{"message":"x"}`) })
	paced(15*time.Millisecond, 8, overUnix, func(l *patientLine) { l.call(t, "time", `{}`) })
	paced(50*time.Millisecond, 12, overTCP, func(l *patientLine) { l.call(t, "sleep", `{"ms":20}`) })
	paced(60*time.Millisecond, 4, overTCP, func(l *patientLine) { l.call(t, "burn", `{"us":2000}`) })
	paced(300*time.Millisecond, 1, overTCP, func(l *patientLine) {
		burst := strings.Replace(fmt.Sprintf(troubleCall, "sleep"), "{}", `{"ms":1}`, 1)
		fmt.Fprint(l, burst, strings.Replace(burst, `"id":1`, `"id":2`, 1), strings.Replace(burst, `"id":1`, `"id":3`, 1))
		for range 3 {
			if _, err := l.answers.ReadString('\n'); err != nil {
				t.Error(err)
			}
		}
	})
	paced(20*time.Millisecond, 17, overHTTP, func(l *patientLine) {
		body := strings.Replace(fmt.Sprintf(troubleCall, "echo"), "{}", `{"message":"x"}`, 1)
		fmt.Fprintf(l, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, "+
			"text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body)
		response, err := http.ReadResponse(l.answers, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 {
			t.Error(response.Status, err)
		}
	})
}

// pageAgrees compares figures of the page with those of /metrics before and after.
func pageAgrees(t *testing.T, s *server, token string, b *browser) {
	t.Helper()
	b.eventually("tools", "echo")
	b.eventually("refusals", "connection_queue_full")
	metrics := func() (calls, refused float64) {
		m := samplesOf(askAs(t, s.addresses["admin"], token, "GET", "/metrics", 200))
		return sumOf(m, "weir_tool_calls_total"), sumOf(m, "weir_refusals_total")
	}
	for range 2 {
		calls, refused := metrics()
		b.looks(2) // one may have been under way
		shownCalls := number(t, b.eval("document.querySelector('#calls + small').innerText"))
		shownRefused := number(t, b.eval("document.querySelector('#refused + small').innerText"))
		callsAfter, refusedAfter := metrics()
		if shownCalls < calls || shownCalls > callsAfter || shownRefused < refused || shownRefused > refusedAfter {
			t.Errorf("the page shows %v calls and %v refusals, /metrics had %v and %v before, %v and %v after",
				shownCalls, shownRefused, calls, refused, callsAfter, refusedAfter)
		}
	}
	if rate := number(t, b.text("calls")); rate <= 0 {
		t.Errorf("%v calls a second", rate)
	}
	if path := b.eval("document.querySelector('.card path.s0:not(.area)').getAttribute('d')"); !strings.Contains(path, "L") {
		t.Errorf("the curve is %q", path)
	}
}

// kickOnPage filters the list down to one connection, and ends it with two clicks.
func kickOnPage(t *testing.T, s *server, b *browser, victim *patientLine) {
	t.Helper()
	b.eval(`{const f = document.getElementById('filter'); f.elements.peer.value = '10.0.0.0/8';
		f.dispatchEvent(new Event('input'))}`)
	b.eventually("note", "No connection is like that.")
	b.eval(`{const f = document.getElementById('filter'); f.elements.peer.value = 'nonsense';
		f.dispatchEvent(new Event('input'))}`)
	b.eventually("note", "allowed is an address or a network")
	b.errors = nil // a browser logs the 400
	b.eval(`{const f = document.getElementById('filter'); f.reset(); f.elements.transport.value = 'tcp';
		f.elements.sort.value = 'age'; f.dispatchEvent(new Event('input'))}`)
	b.eventually("roll", victim.LocalAddr().String())
	const button = `[...document.querySelectorAll('#roll tbody tr')]
		.find((r) => r.cells[0].innerText === %q)?.querySelector('button')`
	click := func() { b.eval(button+".click()", victim.LocalAddr().String()) }
	click()
	if got := b.eval(button+".innerText", victim.LocalAddr().String()); got != "Sure?" {
		t.Errorf("one click: %q", got)
	}
	click()
	if n, err := victim.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
	b.eventually("closed", "kicked")
	eventually(t, "it is counted", func() bool {
		l := s.live.Look(0)
		for _, c := range l.Closed {
			if c.Reason == "kicked" {
				return c.Total == 1
			}
		}
		return false
	})
}

// takePictures takes the pictures of docs/pictures, and looks whether each shows something and fits its screen.
func takePictures(t *testing.T, b *browser, folder string) {
	t.Helper()
	b.eval(`{const f = document.getElementById('filter'); f.reset(); f.elements.sort.value = 'in_flight';
		f.dispatchEvent(new Event('input'))}`)
	for _, p := range []struct {
		name          string
		width, height int
		scheme        string
		background    string
	}{
		{"page-light", 1280, 1180, "light", "rgb(245, 246, 248)"},
		{"page-dark", 1280, 1180, "dark", "rgb(13, 16, 20)"},
		{"page-phone", 360, 1060, "dark", "rgb(13, 16, 20)"},
	} {
		b.screen(p.width, p.height, p.scheme)
		b.looks(1)
		if got := b.eval("getComputedStyle(document.body).backgroundColor"); got != p.background {
			t.Errorf("%s: the background is %s", p.name, got)
		}
		if got := b.eval("document.documentElement.scrollWidth"); got != strconv.Itoa(p.width) {
			t.Errorf("%s: the page is %s wide, the screen %d", p.name, got, p.width)
		}
		if folder != "" {
			small := b.picture("webp", p.width, p.height)
			if err := os.WriteFile(filepath.Join(folder, p.name+".webp"), small, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		shot := b.picture("png", p.width, p.height)
		image, err := png.Decode(bytes.NewReader(shot))
		if err != nil || image.Bounds().Dx() != p.width || image.Bounds().Dy() != p.height || len(shot) < 20_000 {
			t.Errorf("%s: %d bytes, %v", p.name, len(shot), err)
		}
	}
}
