package nats

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/codec/option"
)

// Options say where this node meets the others.
type Options struct {
	// Engine is the URL of NATS servers that exist, such as nats://10.0.0.5:4222, or several with commas between them;
	// tls:// has the link encrypted. Then listen, peers and dns are not used, who may join is for those servers to say,
	// and the first line of secret_file is the token that they ask for, or user:password. Without it this process has a
	// NATS server of its own.
	Engine string `yaml:"engine" zero:"embedded"`
	// Listen is where other nodes connect to this one, as host:port; port 0: the kernel chooses. An address beyond
	// loopback needs secret_file.
	Listen string `yaml:"listen" default:"127.0.0.1:6222"`
	// Peers are the addresses of other nodes, as host:port. This node may be among them, so that all nodes can have one
	// list; and one that runs is enough, as it names the others.
	Peers []string `yaml:"peers" max:"256"`
	// DNS are names whose addresses are those of nodes, looked up again and again: host:port for A and AAAA records, or
	// _service._tcp.host for SRV records, which say the port too.
	DNS []string `yaml:"dns" max:"16"`
	// DNSInterval is how often the names of dns are looked up.
	DNSInterval time.Duration `yaml:"dns_interval" default:"5s" min:"100ms" max:"1h"`
	// SecretFile is a file with what all nodes know and nobody else: a line of at least 32 characters, such as of
	// "openssl rand -hex 32". With it links are encrypted, and both sides prove that they know it. A second line is
	// accepted too: write the new one below on every node, then above, then take the old one away, and restart the nodes
	// one by one each time.
	SecretFile string `yaml:"secret_file" zero:"none"`
	// MaxMessageBytes bounds one message between nodes. It holds the largest message of a client and what is said about
	// it.
	MaxMessageBytes int `yaml:"max_message_bytes" default:"20 MiB" min:"64 KiB" max:"256 MiB" unit:"bytes"`
	// MaxOutgoingBytes bounds what waits to leave for other nodes. What comes then is refused (full).
	MaxOutgoingBytes int `yaml:"max_outgoing_bytes" default:"32 MiB" min:"64 KiB" max:"1 GiB" unit:"bytes"`
	// MaxIncomingBytes bounds what has come from other nodes and is not handled yet. What comes then is dropped and
	// counted (incoming_full).
	MaxIncomingBytes int `yaml:"max_incoming_bytes" default:"64 MiB" min:"64 KiB" max:"1 GiB" unit:"bytes"`
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	for _, one := range o.urls() {
		u, err := url.Parse(one)
		switch {
		case found.Has("engine"):
		case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
			found.Add("engine", "%s is not the URL of a NATS server: allowed is one like nats://10.0.0.5:4222 or "+
				"tls://10.0.0.5:4222", option.Quote(one))
		case u.User != nil:
			found.Add("engine", "it holds a password, which would be logged: allowed is a line user:password in the file that "+
				"secret_file names")
		}
	}
	if o.Engine == "" {
		o.checkEmbedded(&found)
	}
	for _, bound := range []struct {
		key  string
		have int
	}{{"max_outgoing_bytes", o.MaxOutgoingBytes}, {"max_incoming_bytes", o.MaxIncomingBytes}} {
		if bound.have < o.MaxMessageBytes && !found.Has(bound.key) {
			found.Add(bound.key, "%s is below max_message_bytes, %s: allowed is that or more",
				option.FormatSize(int64(bound.have)), option.FormatSize(int64(o.MaxMessageBytes)))
		}
	}
	return found.Errors()
}

// checkEmbedded holds the rules of a NATS server of one's own.
func (o *Options) checkEmbedded(found *option.Mistakes) {
	if _, _, err := splitAddress(o.Listen); err != nil {
		found.Add("listen", "%s is not an address: allowed is host:port", option.Quote(o.Listen))
	} else if o.SecretFile == "" && !isLoopback(o.Listen) {
		found.Add("listen", "%s is not a loopback address, and without secret_file anybody there could join: allowed is "+
			"127.0.0.1, or any address with secret_file", option.Quote(o.Listen))
	}
	for _, peer := range o.Peers {
		if _, port, err := splitAddress(peer); err != nil || port == 0 {
			found.Add("peers", "%s is not the address of a node: allowed is host:port", option.Quote(peer))
		} else if o.SecretFile == "" && !isLoopback(peer) {
			found.Add("peers", "%s is not a loopback address, and what is said there would be for anybody to read: allowed "+
				"is 127.0.0.1, or any address with secret_file", option.Quote(peer))
		}
	}
	for _, name := range o.DNS {
		if isService(name) {
			continue
		}
		if _, port, err := splitAddress(name); err != nil || port == 0 {
			found.Add("dns", "%s is not a name of nodes: allowed is host:port, or _service._tcp.host", option.Quote(name))
		}
	}
	if len(o.DNS) > 0 && o.SecretFile == "" {
		found.Add("dns", "what a name stands for may be anywhere, and links without secret_file are for this machine alone: "+
			"allowed is peers, or dns with secret_file")
	}
}

// urls are the servers of Engine.
func (o *Options) urls() []string {
	if o.Engine == "" {
		return nil
	}
	return strings.Split(o.Engine, ",")
}

// splitAddress takes an address apart.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	return host, int(number), err
}

// isLoopback tells whether an address is one of this machine alone.
func isLoopback(address string) bool {
	host, _, err := splitAddress(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// isService tells whether a name is one of SRV records (RFC 2782).
func isService(name string) bool {
	return strings.HasPrefix(name, "_") && strings.Count(name, ".") >= 2
}
