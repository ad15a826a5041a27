package cmd

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/backpressure/alert"
	"weir/cmd/pager"
	"weir/cmd/process"
	"weir/codec/option"
	"weir/registry/call"
)

// AlertOptions are the alerts of the process and where they go. They are read again with SIGHUP.
type AlertOptions struct {
	alert.Options `yaml:",inline"`
	// Webhook is who is told.
	Webhook pager.Options `yaml:"webhook"`
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *AlertOptions) Validate() []error {
	errs := o.Options.Validate()
	for _, err := range o.Webhook.Validate() {
		m := err.(*option.Mistake)
		m.Key = option.Join("webhook", m.Key)
		errs = append(errs, m)
	}
	return errs
}

// maxWebhookTokenBytes bounds the file with the receiver's token.
const maxWebhookTokenBytes = 4 << 10

// loadWebhookToken reads the token that the receiver of alerts wants; "" without a file.
func loadWebhookToken(path string, at option.Place) (string, option.Mistakes) {
	if path == "" {
		return "", nil
	}
	text, err := readBounded(path, maxWebhookTokenBytes)
	token := string(bytes.TrimSpace(text))
	if err == nil {
		err = pager.CheckToken(token)
	}
	if err != nil {
		return "", option.Mistakes{{Place: at, Key: "alerts.webhook.token_file", Text: fmt.Sprintf("%s: %v", path, err)}}
	}
	return token, nil
}

// watch looks at the server several times a minute, and tells of what changes.
type watch struct {
	server *server
	rules  *alert.Evaluator
	pager  *pager.Pager
	host   string
	fired  map[string]*metrics.Counter

	mu      sync.Mutex
	options AlertOptions
	changed chan struct{} // holds a token when options were replaced
	stop    chan struct{}
	done    chan struct{}
}

// startWatch begins to look. The server is assembled.
func startWatch(s *server) *watch {
	o := s.config.Alerts
	w := &watch{server: s, options: o, rules: alert.New(o.Options, call.LatencyBounds()),
		fired: map[string]*metrics.Counter{}, changed: make(chan struct{}, 1), stop: make(chan struct{}),
		done: make(chan struct{})}
	w.host, _ = os.Hostname() // without one the receiver sees an empty label
	w.pager = pager.New(o.Webhook, s.config.webhookToken, s.metrics, func(err error) {
		s.log.Error().Err(err).Msg("alert not delivered")
	})
	for _, a := range w.rules.Alerts() {
		labels := fmt.Sprintf("{alert=%q,severity=%q}", a.Name, a.Severity)
		w.fired[a.Name] = s.metrics.NewCounter("weir_alerts_fired_total" + labels)
		s.metrics.NewGauge("weir_alert_firing"+labels, func() float64 { return oneIf(w.rules.IsFiring(a.Name)) })
	}
	go w.run()
	return w
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(w.interval())
	defer tick.Stop()
	w.look(time.Now())
	for {
		select {
		case now := <-tick.C:
			w.look(now)
		case <-w.changed:
			tick.Reset(w.interval())
		case <-w.stop:
			return
		}
	}
}

func (w *watch) interval() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.options.Interval()
}

// end stops looking, and gives what the receiver has not taken a last try.
func (w *watch) end() {
	close(w.stop)
	<-w.done
	w.pager.Stop()
}

// replace has the watch go by other options.
func (w *watch) replace(o AlertOptions, token string) {
	w.mu.Lock()
	w.options = o
	w.mu.Unlock()
	w.rules.Replace(o.Options)
	w.pager.Replace(o.Webhook, token)
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// look takes a reading and tells of what changed.
func (w *watch) look(now time.Time) {
	for _, a := range w.rules.Observe(now, w.reading()) {
		if a.Name == alert.EmergencyStop {
			w.server.reactor.StopLowestClass(a.State == alert.Firing)
		}
		w.tell(&a)
	}
}

func (w *watch) reading() alert.Reading {
	totals := w.server.registry.Engine().Totals()
	now := w.server.reactor.Status()
	return alert.Reading{
		Calls: totals.Calls, Errors: totals.Errors, Latency: totals.Computing[:], MemoryBytes: process.ResidentBytes(),
		Connections: now.Connections, SoftConnections: now.SoftConnections, LostNodes: w.server.nodes.Lost(),
		QueueFill: now.CallsFill,
	}
}

// tell logs a change and sends it to the receiver.
func (w *watch) tell(a *alert.Alert) {
	firing := a.State == alert.Firing
	var line *zerolog.Event
	text := "alert cleared"
	switch {
	case !firing:
		line = w.server.log.Info()
	case a.Severity == alert.Critical:
		line, text = w.server.log.Error(), "alert fires"
	default:
		line, text = w.server.log.Warn(), "alert fires"
	}
	line.Str("alert", a.Name).Str("severity", string(a.Severity)).Str("summary", a.Summary).Str("state", a.Description).
		Str("runbook", a.Runbook).Msg(text)
	message := &pager.Alert{
		Labels: map[string]string{"alertname": a.Name, "severity": string(a.Severity), "job": w.server.config.program.Name,
			"instance": w.instance()},
		Annotations: map[string]string{"summary": a.Summary, "description": a.Description, "runbook": a.Runbook},
		StartsAt:    a.Since,
	}
	if firing {
		w.fired[a.Name].Inc()
	} else {
		message.StartsAt, message.EndsAt = a.Began, a.Since
	}
	w.pager.Send(message)
}

// instance tells this process from others in what is sent: the machine's name and where it listens.
func (w *watch) instance() string {
	for _, name := range []string{"http", "tcp", "unix"} {
		if address := w.server.addresses[name]; address != "" {
			return w.host + " " + address
		}
	}
	return w.host
}

// firing are the names of the alerts that fire.
func (w *watch) firing() []string {
	names := []string{}
	for _, a := range w.rules.Alerts() {
		if a.State == alert.Firing {
			names = append(names, a.Name)
		}
	}
	return names
}
