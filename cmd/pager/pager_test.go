package pager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"weir/codec/option"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a stub that answers as it is told and keeps what it took.
type receiver struct {
	*httptest.Server
	answer func(tries int) (status int)
	hangs  bool // it never answers

	mu    sync.Mutex
	tries int
	took  []message
	heads []http.Header
	asked chan struct{} // has something when a request was answered since it was looked at
}

// note says that something has happened.
func note(what chan struct{}) {
	select {
	case what <- struct{}{}:
	default:
	}
}

func newReceiver(t *testing.T, answer func(tries int) int) *receiver {
	r := &receiver{answer: answer, asked: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	if r.hangs {
		<-request.Context().Done()
		return
	}
	defer note(r.asked)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(r.tries)
	}
	if status == http.StatusFound {
		w.Header().Set("Location", r.URL+"/elsewhere")
	}
	if status/100 == 2 {
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			panic(err)
		}
		r.took, r.heads = append(r.took, m), append(r.heads, request.Header)
	}
	w.WriteHeader(status)
}

// names are the alerts it took, in order.
func (r *receiver) names() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, m := range r.took {
		names = append(names, m.CommonLabels["alertname"]+" "+m.Status)
	}
	return strings.Join(names, ", ")
}

// page is a Pager with its receiver.
type page struct {
	*Pager
	t    *testing.T
	set  *metrics.Set
	said chan struct{} // has something when the log has more since it was looked at
	mu   sync.Mutex
	log  []string
}

func newPage(t *testing.T, change func(*Options)) *page {
	var o Options
	option.SetDefaults(&o)
	o.MinBackoff, o.MaxBackoff = time.Millisecond, 5*time.Millisecond
	change(&o)
	if errs := o.Validate(); errs != nil {
		t.Fatal(errs)
	}
	p := &page{t: t, set: metrics.NewSet(), said: make(chan struct{}, 1)}
	p.Pager = New(o, "secret", p.set, func(err error) {
		defer note(p.said)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.log = append(p.log, err.Error())
	})
	return p
}

func (p *page) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

func (p *page) fires(name string) {
	p.Send(&Alert{Labels: map[string]string{"alertname": name, "severity": "critical"}, StartsAt: time.Unix(1000, 0),
		Annotations: map[string]string{"summary": "it is on fire"}})
}

func (p *page) counts(want ...string) {
	p.t.Helper()
	var text strings.Builder
	p.set.WritePrometheus(&text)
	for _, line := range want {
		if !strings.Contains(text.String(), line+"\n") {
			p.t.Errorf("no %q in\n%s", line, &text)
		}
	}
}

// eventually waits until what was said, or what r took, is so.
func (p *page) eventually(r *receiver, what string, is func() bool) {
	p.t.Helper()
	for patience := time.After(20 * time.Second); !is(); {
		select {
		case <-p.said:
		case <-r.asked:
		case <-patience:
			p.t.Fatalf("never: %s\nlog:\n%s", what, p.logged())
		}
	}
}

// TestMessage: a request is what Alertmanager would post.
func TestMessage(t *testing.T) {
	r := newReceiver(t, nil)
	p := newPage(t, func(o *Options) { o.URL = r.URL })
	p.fires("A")
	p.Send(&Alert{Labels: map[string]string{"alertname": "A", "severity": "critical"}, StartsAt: time.Unix(1000, 0),
		EndsAt: time.Unix(1060, 0)})
	p.eventually(r, "both arrive", func() bool { return r.names() == "A firing, A resolved" })
	p.Stop()
	one, two := r.took[0], r.took[1]
	if one.Version != "4" || one.GroupKey != `{}:{alertname="A"}` || one.Receiver != "weir" ||
		one.CommonAnnotations["summary"] != "it is on fire" || len(one.Alerts) != 1 {
		t.Errorf("%+v", one)
	}
	a, b := one.Alerts[0], two.Alerts[0]
	if a.Status != "firing" || !a.StartsAt.Equal(time.Unix(1000, 0)) || !a.EndsAt.IsZero() ||
		a.Labels["severity"] != "critical" || len(a.Fingerprint) != 16 {
		t.Errorf("%+v", a)
	}
	if b.Status != "resolved" || b.Fingerprint != a.Fingerprint || !b.EndsAt.Equal(time.Unix(1060, 0)) ||
		!b.StartsAt.Equal(a.StartsAt) {
		t.Errorf("%+v", b)
	}
	if h := r.heads[0]; h.Get("Authorization") != "Bearer secret" || h.Get("Content-Type") != "application/json" {
		t.Error(h)
	}
	p.counts("weir_webhooks_sent_total 2", "weir_webhook_failures_total 0")
	if p.logged() != "" {
		t.Error(p.logged())
	}
}

// TestEachOnce: what the receiver does not take is tried again, in order, and what it took is not.
func TestEachOnce(t *testing.T) {
	statuses := []int{500, 503, 200, 429, 401, 404, 204, 200}
	r := newReceiver(t, func(n int) int { return statuses[n-1] })
	p := newPage(t, func(o *Options) { o.URL = r.URL })
	p.fires("A")
	p.fires("B")
	p.fires("C")
	p.eventually(r, "all three arrive", func() bool { return r.names() == "A firing, B firing, C firing" })
	p.Stop()
	p.counts("weir_webhooks_sent_total 3", "weir_webhook_failures_total 5", "weir_webhooks_waiting 0")
	if n := strings.Count(p.logged(), "tried again"); n != 2 { // once for each change, not for each try
		t.Errorf("%d lines:\n%s", n, p.logged())
	}
}

// TestRejected: an answer that says that the request is wrong, or a redirect, ends that one only.
func TestRejected(t *testing.T) {
	statuses := []int{400, 302, 200}
	r := newReceiver(t, func(n int) int { return statuses[n-1] })
	p := newPage(t, func(o *Options) { o.URL = r.URL })
	p.fires("A")
	p.fires("B")
	p.fires("C")
	p.eventually(r, "the third arrives", func() bool { return r.names() == "C firing" })
	p.Stop()
	p.counts(`weir_webhooks_dropped_total{reason="webhook_rejected"} 2`, "weir_webhooks_sent_total 1")
	if !strings.Contains(p.logged(), "400 Bad Request") || !strings.Contains(p.logged(), "302 Found") {
		t.Error(p.logged())
	}
}

// TestNobodyWaits: a receiver that never answers holds nobody up. What is beyond the queue is dropped and counted, and
// a stop ends all the same.
func TestNobodyWaits(t *testing.T) {
	r := &receiver{hangs: true}
	r.Server = httptest.NewServer(r)
	defer r.Close()
	p := newPage(t, func(o *Options) { o.URL, o.MaxQueue, o.Timeout = r.URL, 3, 5*time.Minute })
	for i := range 1000 { // while the receiver hangs
		p.fires(fmt.Sprint("A", i))
	}
	p.counts(`weir_webhooks_dropped_total{reason="webhook_queue_full"} 997`, "weir_webhooks_waiting 3",
		"weir_webhooks_waiting_limit 3")
	began := time.Now()
	p.Stop()
	if took := time.Since(began); took > 4*time.Minute { // and not lastTry
		t.Errorf("the stop took %v: it waited for the answer", took)
	}
	p.counts(`weir_webhooks_dropped_total{reason="webhook_stopped"} 3`)
	p.fires("late")
	if p.Waiting() != 0 {
		t.Error("something waits after the stop")
	}
}

// TestStopDelivers: what waits for its next try at the stop gets one more.
func TestStopDelivers(t *testing.T) {
	r := newReceiver(t, func(n int) int { return map[int]int{1: 500}[n] + 200*min(1, n/2) })
	p := newPage(t, func(o *Options) { o.URL, o.MinBackoff, o.MaxBackoff = r.URL, time.Hour, time.Hour })
	p.fires("A")
	p.eventually(r, "the first try failed", func() bool { return p.logged() != "" })
	p.Stop()
	if r.names() != "A firing" {
		t.Errorf("got %q", r.names())
	}
}

// TestReplaceReceiver: what waits goes to the new receiver; without one it is dropped, and nothing is queued.
func TestReplaceReceiver(t *testing.T) {
	r := newReceiver(t, nil)
	p := newPage(t, func(o *Options) { o.URL = "http://127.0.0.1:1/" })
	p.fires("A")
	p.eventually(r, "it is refused", func() bool { return p.logged() != "" })
	o := p.o
	o.URL = r.URL
	p.Replace(o, "")
	p.eventually(r, "it arrives", func() bool { return r.names() == "A firing" })
	if h := r.heads[0]; h.Get("Authorization") != "" {
		t.Error(h)
	}
	o.URL = ""
	p.Replace(o, "")
	p.fires("B")
	p.Stop()
	p.counts(`weir_webhooks_dropped_total{reason="webhook_rejected"} 0`, "weir_webhooks_sent_total 1") // B did not wait
}

// TestReplaceEndsPause: who puts a wrong receiver or token right does not wait for the next try of the wrong one.
func TestReplaceEndsPause(t *testing.T) {
	r := newReceiver(t, func(n int) int { return map[int]int{1: 401}[n] + 200*min(1, n/2) })
	p := newPage(t, func(o *Options) { o.URL, o.MinBackoff, o.MaxBackoff = r.URL, time.Hour, time.Hour })
	p.fires("A")
	p.eventually(r, "the first try failed", func() bool { return p.logged() != "" })
	p.fires("B") // what comes meanwhile changes nothing
	p.Replace(p.o, "right")
	p.eventually(r, "both arrive", func() bool { return r.names() == "A firing, B firing" })
	p.Stop()
}

// TestGiveUp: a change that was tried for too long makes room for the next.
func TestGiveUp(t *testing.T) {
	r := newReceiver(t, func(int) int { return 500 })
	p := newPage(t, func(o *Options) { o.URL, o.GiveUpAfter = r.URL, 20*time.Millisecond })
	p.fires("A")
	p.eventually(r, "it is given up", func() bool { return strings.Contains(p.logged(), "webhook_gave_up") })
	p.Stop()
	p.counts(`weir_webhooks_dropped_total{reason="webhook_gave_up"} 1`)
}

func TestBackoff(t *testing.T) {
	o := Options{MinBackoff: time.Second, MaxBackoff: time.Minute}
	for tries, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute,
		100: time.Minute} {
		for range 100 {
			if got := o.backoff(tries); got < want*3/4 || got > want*5/4 {
				t.Fatalf("after %d tries: %v", tries, got)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		var o Options
		option.SetDefaults(&o)
		change(&o)
		if err := errors.Join(o.Validate()...); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(func(*Options) {}, "")
	f(func(o *Options) { o.URL = "https://pager.example/hook?key=1" }, "")
	f(func(o *Options) { o.URL = "pager.example" },
		`url: "pager.example" is not the URL of a receiver: allowed is one like https://host/path, or "" (off)`)
	f(func(o *Options) { o.URL = "ftp://pager.example" },
		`url: "ftp://pager.example" is not the URL of a receiver: allowed is one like https://host/path, or "" (off)`)
	f(func(o *Options) { o.URL = "http://[::1]:8080/hook" }, "")
	for _, url := range []string{"http://:99999/", "http://pager.example:99999/", "http://pager.example:0/",
		"http://pager.example:/", "http://:80/"} {
		f(func(o *Options) { o.URL = url },
			`url: "`+url+`" is not the URL of a receiver: allowed is one like https://host/path, or "" (off)`)
	}
	f(func(o *Options) { o.URL = "https://me:secret@pager.example" },
		"url: it holds a password, which would be logged: allowed is a token, in the file that token_file names")
	f(func(o *Options) { o.MaxBackoff = o.MinBackoff - 1 }, "max_backoff: 999.999999ms is below min_backoff: allowed is 1s or more")
	for token, ok := range map[string]bool{"": true, "abc": true, "a b": false, "a\n": false, "é": false} {
		if err := CheckToken(token); (err == nil) != ok {
			t.Errorf("%q: %v", token, err)
		}
	}
}
