package needs

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// TestPort: nobody listens, a server can, and the kernel chooses the port for nobody else.
func TestPort(t *testing.T) {
	address := Port(t)
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("somebody listens")
	}
	const localPortRange = 51 // IP_LOCAL_PORT_RANGE of Linux 6.3: the kernel has this one port to choose from
	other, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(other)
	if err := syscall.SetsockoptInt(other, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	port := int(netip.MustParseAddrPort(address).Port())
	if err := syscall.SetsockoptInt(other, syscall.IPPROTO_IP, localPortRange, port<<16|port); err == nil {
		err := syscall.Bind(other, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the kernel has the port to choose: %v", err)
		}
	}
	for range 2 {
		server, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		server.Close()
	}
}
