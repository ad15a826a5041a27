package pager

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/codec/option"
)

// Options say where alerts go.
type Options struct {
	// URL receives a POST for every alert that begins or clears, as Alertmanager sends them to a webhook_config. Redirects
	// are not followed.
	URL string `yaml:"url" zero:"off"`
	// TokenFile holds a token that the receiver wants, in one line: requests carry Authorization: Bearer and the token. It
	// is read at the start and with SIGHUP.
	TokenFile string `yaml:"token_file" zero:"none"`
	// Timeout is how long one request may take, its answer included.
	Timeout time.Duration `yaml:"timeout" default:"5s" min:"10ms" max:"5m"`
	// MaxQueue is how many changes may wait for the receiver. The next one is dropped and counted.
	MaxQueue int `yaml:"max_queue" default:"100" min:"1" max:"10000" unit:"alerts"`
	// MinBackoff is how long after a failed request the next one is tried; each further one waits twice as long as the one
	// before, up to MaxBackoff, give or take a quarter. An answer that says Retry-After is waited for as long.
	MinBackoff time.Duration `yaml:"min_backoff" default:"1s" min:"1ms" max:"1h"`
	// MaxBackoff is the longest wait between two requests.
	MaxBackoff time.Duration `yaml:"max_backoff" default:"1m" min:"1ms" max:"1h"`
	// GiveUpAfter is for how long a change is tried; then it is dropped and counted, and the next one is tried.
	GiveUpAfter time.Duration `yaml:"give_up_after" default:"1h" min:"0s" max:"24h" zero:"never"`
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	if o.URL != "" {
		if u, err := url.Parse(o.URL); err != nil || !isAddress(u) || u.Scheme != "http" && u.Scheme != "https" {
			found.Add("url", "%s is not the URL of a receiver: allowed is one like https://host/path, or \"\" (off)",
				option.Quote(o.URL))
		} else if u.User != nil {
			found.Add("url", "it holds a password, which would be logged: allowed is a token, in the file that "+
				"token_file names")
		}
	}
	if !found.Has("max_backoff") && o.MaxBackoff < o.MinBackoff {
		found.Add("max_backoff", "%s is below min_backoff: allowed is %s or more", option.FormatTime(o.MaxBackoff),
			option.FormatTime(o.MinBackoff))
	}
	return found.Errors()
}

// isAddress says whether a URL names a host, and a port that there can be, or none.
func isAddress(u *url.URL) bool {
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Hostname() != "" && (err == nil && u.Port() != "0" || u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}

// CheckToken says what is wrong with a token; nil is nothing. An empty one is none.
func CheckToken(token string) error {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f {
			return fmt.Errorf("byte %d is no visible ASCII: a token is one line of it", i+1)
		}
	}
	return nil
}
