package pager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// lastTry is how long a stop waits for the receiver to take what waits.
const lastTry = time.Second

// maxAnswerBytes is how much of an answer is read: enough that the connection can be used again.
const maxAnswerBytes = 64 << 10

// Pager sends alerts to a receiver, on one goroutine of its own. Its methods may be called on any goroutine.
type Pager struct {
	metrics pagerMetrics
	failed  func(err error) // hears of the first failure of each change, and of its loss
	client  http.Client

	mu      sync.Mutex
	o       Options
	token   string
	queue   []queued
	stopped bool

	wake  chan struct{} // holds a token when there is something to look at
	over  context.Context
	end   context.CancelFunc
	ended chan struct{}
}

// queued is a change that waits.
type queued struct {
	body  []byte
	since time.Time
}

// New makes a Pager and starts it; Stop ends it. o is valid and token no more than one line. failed is told when a
// change cannot be delivered for now, and when it is dropped; it is called on the Pager's goroutine, or Send's.
func New(o Options, token string, set *metrics.Set, failed func(err error)) *Pager {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.IdleConnTimeout = 1, 30*time.Second
	p := &Pager{o: o, token: token, failed: failed, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	p.client = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the token is for one receiver
	}}
	p.over, p.end = context.WithCancel(context.Background())
	p.metrics.register(p, set)
	go p.run()
	return p
}

// Replace has what waits and what comes go by o and token.
func (p *Pager) Replace(o Options, token string) {
	p.mu.Lock()
	p.o, p.token = o, token
	p.mu.Unlock()
	p.nudge()
}

// Waiting is how many changes the receiver has not taken yet.
func (p *Pager) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// Send queues a change for the receiver, if there is one. It never waits.
func (p *Pager) Send(a *Alert) {
	p.mu.Lock()
	isOn, isFull := p.o.URL != "" && !p.stopped, len(p.queue) >= p.o.MaxQueue
	if isOn && !isFull {
		p.queue = append(p.queue, queued{a.encode(), time.Now()})
	}
	p.mu.Unlock()
	switch {
	case isOn && isFull:
		p.drop(dropFull, errors.New("alerts.webhook.max_queue changes wait for the receiver"))
	case isOn:
		p.nudge()
	}
}

// Stop gives what waits a last try, for a second in all, and returns when the Pager has ended.
func (p *Pager) Stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.nudge()
	select {
	case <-p.ended:
	case <-time.After(lastTry):
	}
	p.end()
	<-p.ended
	p.client.CloseIdleConnections()
}

func (p *Pager) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Pager) drop(why dropReason, err error) {
	p.metrics.dropped[why].Inc()
	p.failed(fmt.Errorf("an alert is lost (%s): %w", dropNames[why], err))
}

// run delivers one change after the other.
func (p *Pager) run() {
	defer close(p.ended)
	for {
		p.mu.Lock()
		stopped, waits := p.stopped, len(p.queue) > 0
		var first queued
		if waits {
			first = p.queue[0]
		}
		p.mu.Unlock()
		switch {
		case waits:
			p.deliver(first)
			p.mu.Lock()
			p.queue = append(p.queue[:0], p.queue[1:]...)
			p.mu.Unlock()
		case stopped:
			return
		default:
			<-p.wake
		}
	}
}

// deliver tries until the receiver has answered, or nobody will try any more.
func (p *Pager) deliver(q queued) {
	for tries := 0; ; tries++ {
		p.mu.Lock()
		o, token, stopped := p.o, p.token, p.stopped
		p.mu.Unlock()
		if o.URL == "" {
			p.drop(dropRejected, errors.New("alerts.webhook.url was taken away"))
			return
		}
		wait, err := p.post(&o, token, q.body)
		if err == nil {
			p.metrics.sent.Inc()
			return
		}
		p.metrics.failures.Inc()
		final := rejected("")
		switch {
		case errors.As(err, &final):
			p.drop(dropRejected, err)
			return
		case stopped || p.over.Err() != nil:
			p.drop(dropStopped, err)
			return
		case o.GiveUpAfter > 0 && time.Since(q.since) > o.GiveUpAfter:
			p.drop(dropGaveUp, err)
			return
		case tries == 0:
			p.failed(fmt.Errorf("an alert did not reach its receiver, it is tried again: %w", err))
		}
		p.pause(max(wait, o.backoff(tries)), &o, token)
	}
}

// backoff is how long to wait after so many tries before the last.
func (o *Options) backoff(tries int) time.Duration {
	wait := min(o.MinBackoff<<min(tries, 20), o.MaxBackoff)
	if wait <= 0 {
		wait = o.MaxBackoff
	}
	return time.Duration(float64(wait) * (0.75 + rand.Float64()/2))
}

// pause waits for d before the next try. It ends early when the options are no longer o, when the token is another one,
// and when the pager stops: a try with what is right now need not wait for one that failed with what was wrong.
func (p *Pager) pause(d time.Duration, o *Options, token string) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-p.over.Done():
			return
		case <-p.wake:
			p.mu.Lock()
			changed := p.stopped || p.o != *o || p.token != token
			p.mu.Unlock()
			if changed {
				return
			}
		}
	}
}

// mayPass are the answers below 500 after which it helps to come again: some when a token or a receiver's path was put
// right.
var mayPass = map[int]bool{
	http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true, http.StatusRequestTimeout: true,
	http.StatusTooEarly: true, http.StatusTooManyRequests: true,
}

// rejected is an answer that no repetition changes.
type rejected string

func (r rejected) Error() string { return "the receiver answered " + string(r) }

// post sends one request. wait is what the receiver asks for before the next.
func (p *Pager) post(o *Options, token string, body []byte) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(p.over, o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, bytes.NewReader(body))
	if err != nil {
		return 0, rejected(err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "weir")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the URL's query may be a secret
		}
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswerBytes) // what it says is not needed
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return 0, nil
	case code/100 == 5, mayPass[code]:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // a date counts as none
		wait = min(max(0, time.Duration(seconds)*time.Second), o.MaxBackoff)
		return wait, errors.New("the receiver answered " + answer.Status)
	default:
		return 0, rejected(answer.Status)
	}
}
