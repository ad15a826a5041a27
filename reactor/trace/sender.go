package trace

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
	"sync/atomic"
	"time"

	"weir/reactor/logwriter"
	"weir/registry/call"
)

const (
	// maxAnswerBytes is how much of an answer is read.
	maxAnswerBytes = 64 << 10
	// firstWait and longestWait bound the pause between two tries of a batch.
	firstWait   = 500 * time.Millisecond
	longestWait = 5 * time.Second
)

// sender sends spans, on one goroutine of its own.
type sender struct {
	o       Options
	metrics tracerMetrics
	queue   chan *call.Span // nil: it is off
	sending atomic.Int64    // in the batch

	client   http.Client
	resource []byte // the encoded resource
	failed   func(error)
	lost     logwriter.Gate // of what is said of spans that are lost,
	again    logwriter.Gate // and of those that are tried again
	headers  atomic.Pointer[http.Header]

	end   chan struct{} // closed by stop
	over  context.Context
	cut   context.CancelFunc
	ended chan struct{}
	body  []byte
}

// start makes what is needed to send.
func (s *sender) start(headers http.Header, who Identity, failed func(error)) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.IdleConnTimeout = 1, 30*time.Second
	s.client = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the fields are for one receiver
	}}
	s.queue, s.resource, s.failed = make(chan *call.Span, s.o.MaxQueue), encodeResource(who), failed
	s.headers.Store(&headers)
	s.over, s.cut = context.WithCancel(context.Background())
	s.end, s.ended = make(chan struct{}), make(chan struct{})
	go s.run()
}

// stop sends what waits, for so long at most, and returns when nothing goes on any more.
func (s *sender) stop(most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	close(s.end)
	select {
	case <-s.ended:
	case <-timer.C:
	}
	s.cut()
	<-s.ended
	s.client.CloseIdleConnections()
	for {
		select {
		case <-s.queue:
			s.drop(dropStopped, 1)
		default:
			return
		}
	}
}

// waits is how many spans wait or are on their way: those in the queue and in the batch, whose bounds it does not pass,
// because a span that moves is counted in neither for a moment.
func (s *sender) waits() int64 {
	sending := s.sending.Load() // first: what moves meanwhile would be counted twice
	return sending + int64(len(s.queue))
}

// drop counts spans that are lost.
func (s *sender) drop(why dropReason, n int) {
	s.metrics.dropped[why].Add(n)
}

// run sends one batch after the other, until it is stopped and nothing waits.
func (s *sender) run() {
	defer close(s.ended)
	batch := make([]*call.Span, 0, s.o.MaxBatch)
	for {
		batch = batch[:0]
		select {
		case first := <-s.queue:
			s.sending.Add(1)
			batch = s.gather(append(batch, first))
		case <-s.end:
			if batch = s.gather(batch); len(batch) == 0 {
				return
			}
		}
		s.deliver(batch)
		s.sending.Store(0)
		clear(batch)
	}
}

// gather fills a batch with what is there, and what comes within the interval while nobody stops.
func (s *sender) gather(batch []*call.Span) []*call.Span {
	timer := time.NewTimer(s.o.Interval)
	defer timer.Stop()
	for len(batch) < cap(batch) {
		select {
		case span := <-s.queue:
			s.sending.Add(1)
			batch = append(batch, span)
			continue
		default:
		}
		select {
		case span := <-s.queue:
			s.sending.Add(1)
			batch = append(batch, span)
		case <-timer.C:
			return batch
		case <-s.end:
			if len(s.queue) == 0 {
				return batch
			}
		}
	}
	return batch
}

// deliver tries until the collector has answered, or nobody will try any more.
func (s *sender) deliver(batch []*call.Span) {
	s.body = appendTraces(s.body[:0], s.resource, batch)
	for began, wait := time.Now(), firstWait; ; wait = min(2*wait, longestWait) {
		refused, after, err := s.post(s.body)
		if err == nil {
			if refused > 0 {
				refused = min(refused, len(batch))
				s.drop(dropRejected, refused)
			}
			s.metrics.sent.Add(len(batch) - refused)
			return
		}
		s.metrics.failures.Inc()
		final := rejected("")
		switch {
		case errors.As(err, &final):
			s.say(&s.lost, fmt.Errorf("spans are lost: %w; look at trace.endpoint and trace.headers_file", err))
			s.drop(dropRejected, len(batch))
			return
		case s.stopping():
			s.say(&s.lost, fmt.Errorf("spans are lost, the server stops: %w", err))
			s.drop(dropStopped, len(batch))
			return
		case time.Since(began) >= s.o.GiveUpAfter:
			s.say(&s.lost, fmt.Errorf("spans are lost after trace.give_up_after: %w; is the collector there that "+
				"trace.endpoint names, and does it take OTLP over HTTP?", err))
			s.drop(dropGaveUp, len(batch))
			return
		}
		s.say(&s.again, fmt.Errorf("spans did not reach the collector, they are tried again: %w; is it there that "+
			"trace.endpoint names?", err))
		s.pause(max(after, time.Duration(float64(wait)*(0.75+rand.Float64()/2))))
	}
}

// say tells of a failure, once in ten seconds.
func (s *sender) say(gate *logwriter.Gate, err error) {
	leftOut, ok := gate.Allow(time.Now().UnixNano(), 1)
	if !ok {
		return
	}
	if leftOut > 0 {
		err = fmt.Errorf("%w (%d such lines were left out)", err, leftOut)
	}
	s.failed(err)
}

func (s *sender) stopping() bool {
	select {
	case <-s.end:
		return true
	default:
		return false
	}
}

// pause waits, unless the sender is stopped: then what waits has one more try.
func (s *sender) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.end:
	}
}

// rejected is an answer that no repetition changes.
type rejected string

func (r rejected) Error() string { return "the collector answered " + string(r) }

// post sends one request. refused is how many of its spans the collector would not have; after is what it asks to wait
// before the next try. Only the answers that OTLP names may be tried again (OTLP 1.9, retryable response codes).
func (s *sender) post(body []byte) (refused int, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(s.over, s.o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.url(), bytes.NewReader(body))
	if err != nil {
		return 0, 0, rejected(err.Error())
	}
	for name, values := range *s.headers.Load() {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "weir")
	answer, err := s.client.Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the URL's query may be a secret
		}
		return 0, 0, err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes))
	switch code := answer.StatusCode; {
	case code/100 == 2:
		n, why := rejectedSpans(text)
		if n > 0 {
			s.say(&s.lost, fmt.Errorf("the collector would not have %d spans: %q", n, why))
		}
		return n, 0, nil
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway, code == http.StatusServiceUnavailable,
		code == http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // a date counts as none
		after = min(max(0, time.Duration(seconds)*time.Second), s.o.GiveUpAfter)
		return 0, after, errors.New("the collector answered " + answer.Status)
	default:
		return 0, 0, rejected(answer.Status)
	}
}
