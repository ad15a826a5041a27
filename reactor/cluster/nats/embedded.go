package nats

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// How soon NATS finds that a connection is dead whose other side says nothing. By default it takes minutes.
const (
	pingInterval = time.Second
	pingsOut     = 2
	startTimeout = 10 * time.Second
)

// embedded is a NATS server in this process.
type embedded struct {
	server  *server.Server
	address string // where it listens for other nodes
	token   string // what the one client knows

	mu      sync.Mutex
	options *server.Options
}

// startEmbedded starts a server and returns when it is there. It finds the others later.
func startEmbedded(o *Options, node string, secrets []string, t *trouble) (*embedded, error) {
	host, port, err := splitAddress(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("cluster.listen: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	} else if err := isFree(o.Listen); err != nil {
		return nil, fmt.Errorf("cluster.listen: %w", err)
	}
	e := &embedded{token: rand.Text()}
	e.options = &server.Options{
		ServerName: node + "-" + strings.ToLower(rand.Text()[:8]), // of two of a name, membership judges
		// Routes wait for the listener of clients, so there is one. Only this process knows what it asks for.
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: e.token, MaxConn: 4,
		MaxPayload: 1 << 20, MaxPending: 64 << 20, WriteDeadline: 5 * time.Second,
		PingInterval: pingInterval, MaxPingsOut: pingsOut,
		NoSystemAccount: true, NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{
			Name: "weir", Host: host, Port: port, PoolSize: -1, ConnectRetries: 10,
			PingInterval: pingInterval, MaxPingsOut: pingsOut, TLSTimeout: 5,
			Compression: server.CompressionOpts{Mode: server.CompressionOff},
		},
	}
	if len(secrets) > 0 {
		l, err := newLinks(node, secrets)
		if err != nil {
			return nil, err
		}
		e.options.Cluster.TLSConfig = l.config()
	}
	e.options.Routes = routes(o.Peers)
	if e.server, err = server.NewServer(e.options.Clone()); err != nil {
		return nil, fmt.Errorf("cluster: NATS: %w", err)
	}
	e.server.SetLoggerV2(t, false, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(startTimeout) || e.server.ClusterAddr() == nil {
		last, _ := t.last()
		e.close()
		return nil, errors.New("cluster.listen: NATS does not start: " + last)
	}
	e.address = e.server.ClusterAddr().String()
	return e, nil
}

// isFree tells why nothing can listen on an address. NATS would only say that it is not ready.
func isFree(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// routes are the URLs of addresses.
func routes(addresses []string) (urls []*url.URL) {
	for _, address := range addresses {
		urls = append(urls, &url.URL{Scheme: "nats-route", Host: address})
	}
	return urls
}

// links are the addresses that there is a connection with.
func (e *embedded) links() (addresses []string) {
	now, err := e.server.Routez(nil)
	if err != nil {
		return nil
	}
	for _, route := range now.Routes {
		addresses = append(addresses, net.JoinHostPort(route.IP, strconv.Itoa(route.Port)))
	}
	return addresses
}

func (e *embedded) close() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}
