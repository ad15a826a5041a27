package nodes

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"weir/reactor"
	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/natsqueue"
	"weir/reactor/cluster/queue/rabbitqueue"
	"weir/reactor/cluster/queue/redisqueue"
)

// Calls are how a process of this mode has tools called; nil: by itself.
func Calls(mode string, o Options) (*reactor.Calls, error) {
	if !isQueued(mode) {
		return nil, nil
	}
	name, err := o.nameOf()
	if err != nil {
		return nil, err
	}
	user, err := readUser(o.Queue.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("cluster.queue.secret_file: %w", err)
	}
	return &reactor.Calls{Works: mode == Worker, Name: name, Options: o.Queue, Open: openerOf(o.Queue.Engine, user)}, nil
}

// readUser reads who the broker is told that this is; nil without a file.
func readUser(file string) (*url.Userinfo, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	user, password, ok := strings.Cut(strings.TrimSpace(line), ":")
	if !ok {
		return nil, fmt.Errorf("the first line of %s is not that: allowed is user:password", file)
	}
	return url.UserPassword(user, password), nil
}

// openerOf opens the broker at that address, which was checked.
func openerOf(engine string, user *url.Userinfo) func(queue.Config) (queue.Queue, error) {
	return func(c queue.Config) (queue.Queue, error) {
		scheme, _, _ := strings.Cut(engine, ":")
		switch scheme {
		case "redis", "rediss":
			return opened(redisqueue.Open(withUser(engine, user), c))
		case "amqp", "amqps":
			return opened(rabbitqueue.Open(withUser(engine, user), c))
		}
		var options []nats.Option
		if user != nil {
			password, _ := user.Password()
			options = append(options, nats.UserInfo(user.Username(), password))
		}
		return opened(natsqueue.Open(engine, c, options...))
	}
}

// opened keeps a nil pointer from being a Queue.
func opened[Q queue.Queue](q Q, err error) (queue.Queue, error) {
	if err != nil {
		return nil, fmt.Errorf("cluster.queue.engine: %w", err)
	}
	return q, nil
}

func withUser(engine string, user *url.Userinfo) string {
	u, err := url.Parse(engine)
	if err != nil || user == nil {
		return engine
	}
	u.User = user
	return u.String()
}
