package wire

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Target is the server under load.
type Target struct {
	// URL is how the user named it: http://host:port/path, ws://host:port/path, tcp://host:port or unix:PATH.
	URL       string
	Transport Transport
	Network   string
	Address   string // numeric host:port, or the socket's path
	// Others are further addresses of the name, to be tried when nobody listens at Address.
	Others []string
	Path   string
	Host   string // for the Host header
}

const targetForms = "want http://HOST:PORT/mcp, ws://HOST:PORT/mcp, tcp://HOST:PORT or unix:PATH"

// ParseTarget understands a target and looks its name up.
func ParseTarget(ctx context.Context, text string) (Target, error) {
	t := Target{URL: text, Network: "tcp"}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return t, fmt.Errorf("target %q: names no socket; %s", text, targetForms)
		}
		t.Network, t.Address = "unix", path
		return t, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return t, fmt.Errorf("target %q: %w; %s", text, err, targetForms)
	}
	port := "80"
	switch u.Scheme {
	case "http":
		t.Transport = HTTP
	case "ws":
		t.Transport = WebSocket
	case "tcp":
		t.Transport, port = Line, ""
	case "https", "wss":
		return t, fmt.Errorf("target %q: TLS is not spoken here; measure the server behind its proxy, %s", text, targetForms)
	default:
		return t, fmt.Errorf("target %q: %s", text, targetForms)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if u.Hostname() == "" || port == "" {
		return t, fmt.Errorf("target %q: lacks a host or a port; %s", text, targetForms)
	}
	t.Host = u.Host
	t.Path = u.RequestURI()
	if t.Path == "/" && u.Path == "" {
		t.Path = "/mcp"
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return t, fmt.Errorf("target %q: %w; check the name, or give the address", text, err)
	}
	addresses := ordered(found, port)
	t.Address, t.Others = addresses[0], addresses[1:]
	return t, nil
}

// maxAddresses of a name are tried.
const maxAddresses = 8

// ordered are addresses as host:port, each once, those of IPv4 first.
func ordered(found []netip.Addr, port string) []string {
	var of4, of6 []string
	for _, a := range found {
		into, text := &of6, net.JoinHostPort(a.Unmap().String(), port)
		if a.Unmap().Is4() {
			into = &of4
		}
		if !slices.Contains(*into, text) {
			*into = append(*into, text)
		}
	}
	all := append(of4, of6...)
	return all[:min(len(all), maxAddresses)]
}

// Local says whether the server runs on this machine, as far as its address tells.
func (t *Target) Local() bool {
	if t.Network == "unix" {
		return true
	}
	address, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return false
	}
	if address.Addr().IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr() == address.Addr() {
			return true
		}
	}
	return false
}

// IsLoopback4 says whether sources from 127.0.0.0/8 reach the target.
func (t *Target) IsLoopback4() bool {
	address, err := netip.ParseAddrPort(t.Address)
	return t.Network == "tcp" && err == nil && address.Addr().Is4() && address.Addr().IsLoopback()
}

// TransportName is the word for the transport in reports: tcp, ws, http or unix.
func (t *Target) TransportName() string {
	if t.Network == "unix" {
		return "unix"
	}
	return t.Transport.String()
}
