package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"weir/cmd/live"
)

const (
	// answerTime is how long one waits for the server.
	answerTime = 5 * time.Second
	// maxAnswerBytes bounds an answer; 200 connections and ten minutes of history are a tenth of it.
	maxAnswerBytes = 4 << 20
	maxTokenBytes  = 4 << 10
)

// client asks the admin listener of a server.
type client struct {
	base      string // the URL of the listener, without a slash at its end
	token     string
	tokenFile string // where it is from
	program   string // what this program is called, for advice
	http      http.Client
}

// newClient reads the token. An error says what of the command line is wrong.
func newClient(o options) (*client, error) {
	base := o.admin
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	at, err := url.Parse(base)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("--admin: %q is no address: allowed is host:port or http://host:port", o.admin)
	}
	c := &client{base: at.Scheme + "://" + at.Host + strings.TrimRight(at.Path, "/"), tokenFile: o.tokenFile,
		program: o.program, http: http.Client{Timeout: answerTime}}
	if o.tokenFile == "" {
		return c, nil
	}
	file, err := os.Open(o.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTokenBytes))
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	if c.token = strings.TrimSpace(string(text)); c.token == "" || strings.ContainsAny(c.token, " \t\r\n") {
		return nil, fmt.Errorf("--token-file: %s holds something else than one token: allowed is the token alone, as "+
			"%s token prints it on standard error", o.tokenFile, o.program)
	}
	return c, nil
}

// look asks how the server does, with the curves after a second.
func (c *client) look(ctx context.Context, since int64) (l live.Look, err error) {
	err = c.get(ctx, fmt.Sprintf("/live?since=%d", since), &l)
	if err == nil && (l.Started.IsZero() || len(l.Latency) == 0) {
		err = c.notThis(nil)
	}
	return l, err
}

// roll asks who is connected.
func (c *client) roll(ctx context.Context, filter url.Values) (r live.Roll, err error) {
	err = c.get(ctx, "/connections?"+filter.Encode(), &r)
	return r, err
}

// refused is an answer that says no, in words.
type refused struct{ text string }

func (r *refused) Error() string { return r.text }

func (c *client) get(ctx context.Context, path string, to any) error {
	request, err := http.NewRequestWithContext(ctx, "GET", c.base+path, nil)
	if err != nil {
		return err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if failed := new(url.Error); errors.As(err, &failed) {
			err = failed.Err // without the URL, which is said already
		}
		return fmt.Errorf("no server answers at %s (%w): start one (%s serve), or say with --admin where its admin listener "+
			"is; its log line \"serving\" names it", c.base, err, c.program)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("%s broke off its answer: %w", c.base, err)
	}
	if response.StatusCode != http.StatusOK {
		return c.no(response.StatusCode, text)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return c.notThis(err)
	}
	return nil
}

func (c *client) notThis(err error) error {
	because := ""
	if err != nil {
		because = fmt.Sprintf(" (%v)", err)
	}
	return &refused{fmt.Sprintf("%s answers, but is no admin listener of this version%s: --admin is the address of the "+
		"key admin, not of http", c.base, because)}
}

// no says what an answer means that is a no, and what to do.
func (c *client) no(status int, text []byte) error {
	var said struct{ Reason, Hint string }
	_ = json.Unmarshal(text, &said) // whatever is none has no reason
	switch {
	case status == http.StatusUnauthorized && c.token == "":
		return &refused{fmt.Sprintf("%s asks for a token: give --token-file FILE, a file with a token of the server's "+
			"admin_tokens_file (%s token NAME makes one)", c.base, c.program)}
	case status == http.StatusUnauthorized:
		return &refused{fmt.Sprintf("%s does not let in who has the token in %s (%s): its line must be in the server's "+
			"admin_tokens_file, which is read at the start and with SIGHUP", c.base, c.tokenFile, said.Reason)}
	case said.Reason == "host_not_allowed":
		return &refused{fmt.Sprintf("%s is not served under this name: use its IP address, or have the name in the server's "+
			"admin_allowed_hosts", c.base)}
	case said.Reason != "":
		return &refused{said.Hint}
	}
	return c.notThis(fmt.Errorf("status %d", status))
}
