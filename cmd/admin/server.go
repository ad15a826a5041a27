package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Bounds of the listener. None is configuration: nobody tunes them, and each only keeps a mistake small.
const (
	maxConnections = 64               // at once; the next takes the oldest's place
	headerTime     = 5 * time.Second  // to send a request's head
	writeTime      = 2 * time.Minute  // to take an answer; a CPU profile takes its own length first
	idleTime       = 90 * time.Second // between requests: longer than a scrape interval of a minute
	maxHeaderBytes = 16 << 10
	closeTimeout   = time.Second // for answers under way when the process ends
)

// Server is a running admin listener.
type Server struct {
	http http.Server
	done chan struct{} // closed when Serve returned
}

// Listen binds a TCP address, or takes the listening socket that was passed, which stays the caller's; nil without
// either. An error names the key, admin.
func Listen(address string, passed *os.File) (net.Listener, error) {
	if passed != nil {
		listener, err := net.FileListener(passed)
		if err != nil {
			return nil, fmt.Errorf("admin: the socket that was passed: %w", err)
		}
		return listener, nil
	}
	if address == "" {
		return nil, nil
	}
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // as the other listeners are
	listener, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	return listener, nil
}

// Descriptor is that of a listener, as long as it is open; -1 of none.
func Descriptor(listener net.Listener) int {
	fd := -1
	if socket, ok := listener.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			_ = raw.Control(func(of uintptr) { fd = int(of) }) // it is open
		}
	}
	return fd
}

// Serve serves the pages on listener, which is the server's from then on, until Stop. hosts are the names beside
// localhost and IP addresses that a request may address.
func Serve(listener net.Listener, source Source, hosts []string) *Server {
	s := &Server{
		http: http.Server{
			Handler:           handler(source, hosts),
			ReadHeaderTimeout: headerTime,
			ReadTimeout:       headerTime,
			WriteTimeout:      writeTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    maxHeaderBytes,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.http.Serve(newLimitListener(listener, maxConnections)) // its error is ErrServerClosed: only Stop ends it
	}()
	return s
}

// Stop lets answers under way finish for a moment, then closes; it returns when every goroutine of the listener ended.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}
