package reactor

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// AddressesClash says whether two addresses, each good for CheckAddress, cannot both be listened on: the same port of
// one host, or of every host. Port 0 is another one each time. A name is taken for itself: nobody is asked what it
// stands for, except localhost.
func AddressesClash(a, b string) bool {
	hostA, portA := splitAddress(a)
	hostB, portB := splitAddress(b)
	if portA == 0 || portA != portB {
		return false
	}
	if hostA == "localhost" || hostB == "localhost" {
		return isLocal(hostA) && isLocal(hostB)
	}
	ipA, errA := netip.ParseAddr(hostA)
	ipB, errB := netip.ParseAddr(hostB)
	if errA != nil || errB != nil {
		return hostA == hostB || isEvery(ipA) || isEvery(ipB)
	}
	return ipA.Unmap() == ipB.Unmap() || isEvery(ipA) || isEvery(ipB)
}

// isEvery is true of 0.0.0.0 too: Go listens on all of IPv6 and IPv4 then, where there are both.
func isEvery(ip netip.Addr) bool { return ip.Unmap().IsUnspecified() }

// isLocal says whether listening on localhost may meet a listener on that host.
func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}

// splitAddress gives a host in lower case, :: for none, and the port; 0 for an address that is off or wrong.
func splitAddress(address string) (host string, port uint64) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0
	}
	if host == "" {
		host = "::"
	}
	port, err = strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0
	}
	return strings.ToLower(host), port
}
