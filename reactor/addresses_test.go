package reactor

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/backpressure"
	"weir/codec/option"
	"weir/registry"
)

func TestAddressesClash(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		for _, pair := range [][2]string{{a, b}, {b, a}} {
			if got := AddressesClash(pair[0], pair[1]); got != want {
				t.Errorf("%q and %q: %v", pair[0], pair[1], got)
			}
		}
	}
	f("127.0.0.1:80", "127.0.0.1:80", true)
	f("127.0.0.1:80", "127.0.0.1:81", false)
	f("127.0.0.1:80", "127.0.0.2:80", false)
	f("127.0.0.1:0", "127.0.0.1:0", false)
	f("127.0.0.1:080", "127.0.0.1:80", true)
	f("", "", false)
	f("", "127.0.0.1:80", false)
	f(":80", "127.0.0.1:80", true)
	f(":80", "[::1]:80", true)
	f(":80", "[::]:80", true)
	f("0.0.0.0:80", "127.0.0.1:80", true)
	f("0.0.0.0:80", "[::1]:80", true)
	f("0.0.0.0:80", ":80", true)
	f("[::1]:80", "127.0.0.1:80", false)
	f("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true)
	f("localhost:80", "127.0.0.1:80", true)
	f("LOCALHOST:80", "localhost:80", true)
	f("localhost:80", "[::1]:80", true)
	f("localhost:80", ":80", true)
	f("localhost:80", "10.0.0.1:80", false)
	f("a.example:80", "A.example:80", true)
	f("a.example:80", "b.example:80", false)
	f("a.example:80", ":80", true)
}

// TestAddressesClashAsTheKernelSays holds the verdicts that need no other machine against binding both. Another
// process may have the port at the second address: a clash that is not expected counts only if every port has it.
func TestAddressesClashAsTheKernelSays(t *testing.T) {
	hosts := []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "", "::1", "::ffff:127.0.0.1"}
	const ports = 20
	for _, a := range hosts {
		for _, b := range hosts {
			want := AddressesClash(net.JoinHostPort(a, "1"), net.JoinHostPort(b, "1"))
			got, err := true, error(nil)
			for n := 0; got && (n == 0 || !want && n < ports); n++ {
				if got, err = kernelClash(t, a, b); err != nil {
					break
				}
			}
			if err != nil {
				t.Logf("%q and %q: %v", a, b, err)
			} else if got != want {
				t.Errorf("%q and %q: %v, the kernel says %v", a, b, want, got)
			}
		}
	}
}

// kernelClash says whether two hosts cannot both be listened on, at a port that the kernel chooses for the first. An
// error is that this machine does not have one of them.
func kernelClash(t *testing.T, a, b string) (bool, error) {
	t.Helper()
	first, err := net.Listen("tcp", net.JoinHostPort(a, "0"))
	if err != nil {
		return false, err
	}
	defer first.Close()
	_, port, err := net.SplitHostPort(first.Addr().String())
	must(t, err)
	second, err := net.Listen("tcp", net.JoinHostPort(b, port))
	if err == nil {
		return false, second.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return true, nil
	}
	return false, err
}

// TestValidateClash: two listeners of one server are judged together.
func TestValidateClash(t *testing.T) {
	o := DefaultOptions()
	o.HTTP, o.TCP = ":7000", "127.0.0.1:7000"
	errs := o.Validate()
	var mistake *option.Mistake
	if len(errs) != 1 || !errors.As(errs[0], &mistake) || mistake.Key != "tcp" ||
		!strings.Contains(mistake.Text, `http, ":7000"`) {
		t.Errorf("%v", errs)
	}
	o.TCP = "127.0.0.1:7001"
	if errs := o.Validate(); len(errs) > 0 {
		t.Error(errs)
	}
}

// TestIdleTimeoutIsAboveTheBalancers: whoever closes first must be the balancer, which knows what it was about to send.
// 60 seconds are the usual time for a connection kept for the next request.
func TestIdleTimeoutIsAboveTheBalancers(t *testing.T) {
	if got := DefaultOptions().IdleTimeout; got < 75*time.Second {
		t.Errorf("idle_timeout is %v", got)
	}
}

// TestUnixSocketFolder: a socket cannot be made where there is no folder, and the error says which is missing.
func TestUnixSocketFolder(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(folder+"/file", nil, 0o600))
	f := func(path, want string) {
		t.Helper()
		_, err := unstarted(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
			o.TCP, o.Unix = "", folder+path
		})
		if err == nil {
			t.Fatalf("%s: no error", path)
		}
		contains(t, err.Error(), "listen for unix on "+folder+path, want)
	}
	f("/none/s", "the folder "+folder+"/none does not exist")
	f("/none/deeper/s", "the folder "+folder+"/none does not exist")
	f("/file/s", folder+"/file is not a folder")
	if os.Geteuid() != 0 { // nothing is forbidden to root
		must(t, os.Mkdir(folder+"/closed", 0o500))
		f("/closed/s", "the folder "+folder+"/closed may not be written to by this user")
	}
}
