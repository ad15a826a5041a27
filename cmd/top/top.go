package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"weir/cmd/live"
)

// options are what the flags say.
type options struct {
	program   string // what this program is called
	admin     string // the server's admin listener: host:port or a URL
	tokenFile string // a file with a token of its admin_tokens_file; "": none is sent
	once      bool   // show one look and end
}

// interval is how often one looks. The server takes a sample as often.
const interval = time.Second

// orders are what connections can be sorted by.
var orders = []string{"age", "silent", "bytes", "in_flight"}

// usageError is about the command line: nothing was asked yet.
type usageError struct{ error }

// run shows the server until somebody has seen enough: on a terminal until q or a signal, else, as plain text, until
// nobody reads it or a signal comes. Its error says what to do next.
func run(o options, in io.Reader, out io.Writer) error {
	c, err := newClient(o)
	if err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP,
		syscall.SIGQUIT)
	defer stop()
	s := &scene{order: orders[0]}
	if err := s.refresh(ctx, c); err != nil {
		return err
	}
	screen, onScreen := out.(*os.File)
	if onScreen = onScreen && isTerminal(screen); onScreen && !o.once && os.Getenv("TERM") != "dumb" {
		keyboard, _ := in.(*os.File)
		return s.runOn(ctx, c, keyboard, screen)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval): // rates of tools need two looks
		}
		if err := s.refresh(ctx, c); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		columns := 120
		if onScreen {
			columns, _ = (&terminal{out: screen}).size()
		}
		text := strings.Join(s.draw(columns, 0, onScreen && coloured()), "\n") + "\n\n"
		if _, err := io.WriteString(out, text); err != nil || o.once {
			return err
		}
	}
}

// coloured says whether colours are wanted (no-color.org).
func coloured() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// answer is what a server said.
type answer struct {
	look live.Look
	roll live.Roll
	err  error
}

// ask asks the server for what s is to show. It reads s, and does not change it.
func (s *scene) ask(ctx context.Context, c *client) func() answer {
	since, filter := s.last, filterOf(s.filter)
	filter.Set("sort", s.order)
	return func() (a answer) {
		if a.look, a.err = c.look(ctx, since); a.err == nil {
			a.roll, a.err = c.roll(ctx, filter)
		}
		return a
	}
}

// refresh looks at the server, and waits for it.
func (s *scene) refresh(ctx context.Context, c *client) error {
	a := s.ask(ctx, c)()
	s.take(&a)
	return a.err
}

// take takes in what the server said, or notes that it does not.
func (s *scene) take(a *answer) {
	no := new(refused)
	if a.look.PID != 0 {
		s.add(a.look)
	}
	switch {
	case a.err == nil:
		s.roll, s.note = a.roll, ""
	case errors.As(a.err, &no):
		s.note = no.text
	case !strings.HasPrefix(s.note, "no answer"):
		s.note = fmt.Sprintf("no answer since %s, trying again", time.Now().Format(time.TimeOnly))
	}
}

// filterOf is what the words of a filter ask for.
func filterOf(words string) url.Values {
	values := url.Values{}
	for _, word := range strings.Fields(words) {
		key, value, isPair := strings.Cut(word, "=")
		_, notNetwork := netip.ParsePrefix(word)
		_, notAddress := netip.ParseAddr(word)
		switch {
		case isPair:
			values.Set(key, value)
		case notNetwork == nil || notAddress == nil:
			values.Set("peer", word)
		case slices.Contains([]string{"http", "websocket", "http_sse", "tcp", "unix", "stdio"}, word):
			values.Set("transport", word)
		default:
			values.Set("principal", word)
		}
	}
	return values
}

// runOn shows the server on a terminal, which is as before when it returns.
func (s *scene) runOn(ctx context.Context, c *client, in, out *os.File) error {
	if in == nil {
		in = out
	}
	t, err := enter(in, out)
	if err != nil {
		return err
	}
	defer t.leave()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	keys, answers := t.keys(), make(chan answer, 1)
	asking, again := false, false // again: once more, for what was pressed meanwhile
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		columns, lines := t.size()
		text := home + strings.Join(s.draw(columns, lines, coloured()), endOfLine) + "\x1b[K" + endOfScreen
		if _, err := out.WriteString(text); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
		case <-tick.C:
			again = again || !s.paused && !s.typing
		case a := <-answers:
			asking = false
			s.take(&a)
		case key, ok := <-keys:
			if !ok {
				keys = nil // nobody types any more
				continue
			}
			done, changed := s.press(key)
			if done {
				return nil
			}
			again = again || changed
		}
		if again && !asking {
			asking, again = true, false
			ask := s.ask(ctx, c)
			go func() { answers <- ask() }() // there is room: one asks at a time. It ends with answerTime
		}
	}
}

// press does what a key is for. again: the server is to be looked at now.
func (s *scene) press(key byte) (done, again bool) {
	const controlC, controlD, escape, enter, newline, backspace, del, controlU = 3, 4, 27, '\r', '\n', 8, 127, 21
	if key == controlC {
		return true, false
	}
	if !s.typing {
		switch key {
		case 'q', controlD:
			return true, false
		case 's':
			s.order = orders[(slices.Index(orders, s.order)+1)%len(orders)]
			return false, true
		case 'p':
			s.paused = !s.paused
			return false, !s.paused
		case 'f', '/':
			s.typing, s.typed = true, s.filter
		}
		return false, false
	}
	switch {
	case key == escape:
		s.typing = false
	case key == enter || key == newline:
		s.typing, s.filter = false, strings.Join(strings.Fields(s.typed), " ")
		return false, true
	case key == controlU:
		s.typed = ""
	case key == backspace || key == del:
		s.typed = s.typed[:max(0, len(s.typed)-1)]
	case key >= ' ' && key < del && len(s.typed) < 100:
		s.typed += string(rune(key))
	}
	return false, false
}
