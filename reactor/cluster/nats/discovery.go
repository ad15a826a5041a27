package nats

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookupTimeout bounds one look-up of a name.
const lookupTimeout = 3 * time.Second

// goneAfter is how many look-ups in turn must lack an address before it is given up: an answer of DNS may be in part.
const goneAfter = 6

// follow looks the names of nodes up, again and again until ctx ends, and has the server connect to what they stand
// for. NATS itself would take one of a name's addresses, so that two halves of a cluster may never meet.
func (e *embedded) follow(ctx context.Context, o *Options, t *trouble) {
	if len(o.DNS) == 0 {
		return
	}
	tick := time.NewTicker(o.DNSInterval)
	defer tick.Stop()
	known := map[string]int{} // addresses, and how many look-ups lacked them
	for {
		found, err := lookup(ctx, net.DefaultResolver, o.DNS)
		if err != nil && ctx.Err() == nil {
			t.note("dns", err.Error())
		}
		if update(known, found, err == nil) {
			if err := e.connectTo(o.Peers, known); err != nil {
				t.note("dns", "NATS: "+err.Error())
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// update makes what was found what is known, and tells whether that is another set now. An address is given up only
// after complete answers.
func update(known map[string]int, found []string, complete bool) (changed bool) {
	for _, address := range found {
		if _, there := known[address]; !there {
			changed = true
		}
		known[address] = 0
	}
	for address := range known {
		if !complete || slices.Contains(found, address) {
			continue
		}
		known[address]++
		if known[address] >= goneAfter {
			delete(known, address)
			changed = true
		}
	}
	return changed
}

// connectTo has the server connect to these addresses and to the peers.
func (e *embedded) connectTo(peers []string, known map[string]int) error {
	addresses := slices.Clone(peers)
	for address := range known {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	slices.Sort(addresses)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Routes = routes(addresses)
	return e.server.ReloadOptions(e.options.Clone())
}

// resolver is net.Resolver's part in this.
type resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// lookup returns the addresses that names stand for, and the first error.
func lookup(ctx context.Context, r resolver, names []string) (addresses []string, failed error) {
	for _, name := range names {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		found, err := lookupName(ctx, r, name)
		cancel()
		if err != nil && failed == nil {
			failed = err
		}
		addresses = append(addresses, found...)
	}
	return addresses, failed
}

func lookupName(ctx context.Context, r resolver, name string) ([]string, error) {
	if !isService(name) {
		host, port, err := net.SplitHostPort(name)
		if err != nil {
			return nil, err
		}
		return lookupHost(ctx, r, host, port)
	}
	_, services, err := r.LookupSRV(ctx, "", "", name)
	var addresses []string
	for _, service := range services {
		found, failed := lookupHost(ctx, r, strings.TrimSuffix(service.Target, "."), strconv.Itoa(int(service.Port)))
		if err == nil {
			err = failed
		}
		addresses = append(addresses, found...)
	}
	return addresses, err
}

func lookupHost(ctx context.Context, r resolver, host, port string) ([]string, error) {
	ips, err := r.LookupHost(ctx, host)
	addresses := make([]string, 0, len(ips))
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip, port))
	}
	return addresses, err
}
