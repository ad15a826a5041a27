package reactor

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/registry"
)

func onUnix(path string) tune {
	return func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Unix = path }
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	s := start(t, onUnix(path))
	p := s.dial("unix").greet()
	p.send(toolCall("1", "echo", `{"message":"over a Unix socket"}`))
	contains(t, p.line(), `"id":1,"result"`, "over a Unix socket")
	p.send(toolCall("2", "sleep", `{"ms":30}`))
	p.closeWrite()
	contains(t, p.rest(), `"id":2,"result"`)
	s.stop(time.Second)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestUnixSocketInTheWay(t *testing.T) {
	f := func(name string, prepare func(path string) func(), want string) {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/s"
			defer prepare(path)()
			s, err := unstarted(t, func(o *Options, b *backpressure.Options,
				r *registry.Options) {
				o.TCP = ""
				onUnix(path)(o, b, r)
			})
			if want == "" {
				must(t, err)
				s.release()
				return
			}
			contains(t, fmt.Sprint(err), want, path)
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("what was there is gone: %v", err)
			}
		})
	}
	f("a file", func(path string) func() {
		must(t, os.WriteFile(path, nil, 0o600))
		return func() {}
	}, "not a socket")
	f("a live server", func(path string) func() {
		live, err := net.Listen("unix", path)
		must(t, err)
		return func() { live.Close() }
	}, "another server answers")
	f("a live server that is behind with accepting", func(path string) func() {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
		must(t, unix.Listen(fd, 0))
		waiting, err := net.Dial("unix", path)
		must(t, err)
		return func() { waiting.Close(); unix.Close(fd) }
	}, "another server answers")
	f("a dead server", func(path string) func() {
		dead, err := net.Listen("unix", path)
		must(t, err)
		dead.(*net.UnixListener).SetUnlinkOnClose(false)
		dead.Close()
		return func() {}
	}, "")
}
