package auth

import (
	"bytes"
	"net/netip"
)

// IsLoopback says whether a host, by name or address and without port, is this machine and nobody else's. It parses
// only what may be.
func IsLoopback(host []byte) bool {
	if len(host) == 9 && bytes.EqualFold(host, []byte("localhost")) {
		return true
	}
	if len(host) == 0 || host[0] != '1' && host[0] != ':' { // 127.x and ::1
		return false
	}
	ip, err := netip.ParseAddr(string(host))
	return err == nil && ip.IsLoopback()
}

// IsLoopbackAddress says the same of host:port, in any notation. An address without a host is everybody's.
func IsLoopbackAddress(address string) bool {
	host := Hostname([]byte(address))
	if IsLoopback(host) {
		return true
	}
	ip, err := netip.ParseAddr(string(host))
	return err == nil && ip.IsLoopback()
}

// Hostname cuts the port off an authority, and the brackets off an IPv6 address.
func Hostname(authority []byte) []byte {
	if len(authority) > 0 && authority[0] == '[' {
		if end := bytes.IndexByte(authority, ']'); end > 0 {
			return authority[1:end]
		}
		return authority
	}
	name, _, _ := bytes.Cut(authority, []byte{':'})
	return name
}
