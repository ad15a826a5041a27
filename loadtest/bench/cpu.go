package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	tcpConnections  = 1000
	httpConnections = 100
	answerDigits    = "1000000001" // the id of the probe, as wide as those of the generator
)

// contender is one of the servers of a comparison, with its fleet.
type contender struct {
	name    string
	process *observe.Process
	fleet   *client.Fleet
}

// rounds measures all contenders in turn, as often as there are runs: A B A B, so that what the machine does meanwhile falls on
// all alike. Only one is busy at a time; the others' connections stay open and idle.
func (e *env) rounds(t *table, all []contender, each func(costs map[string]cost)) error {
	for run := range e.runs {
		costs := map[string]cost{}
		for _, c := range all {
			got, err := e.cost(c.process, c.fleet)
			if err != nil {
				return err
			}
			e.progress("run %d: %s: %s us of CPU per call, %s calls/s, generator %s us", run+1, c.name,
				number(got.server), number(got.perSec), number(got.own))
			t.keep(c.name, got)
			costs[c.name] = got
		}
		each(costs)
	}
	for _, c := range all {
		t.costRow(c.name)
	}
	return nil
}

// tcpContenders starts weir (unless the peers are measured alone) and the bare echo, which answers with weir's own bytes.
func (e *env) tcpContenders(t *table, connections, window int) ([]contender, error) {
	var all []contender
	var args []string
	add := func(name string, p *observe.Process, address string) error {
		f, err := e.open(connections, func(o *client.Options) { o.Address, o.Window = address, window })
		all = append(all, contender{name, p, f})
		return err
	}
	if !e.peers {
		s, err := e.weir("")
		if err != nil {
			return nil, err
		}
		answer, err := probe(s.tcp)
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		t.note("the echo answers with weir's own bytes: %s", answer)
		args = []string{"-answer", strings.Replace(answer, answerDigits, "0000000000", 1)}
		if err := add("weir", s.Process, s.tcp); err != nil {
			return nil, err
		}
	}
	p, address, err := e.peer("echo-epoll", args...)
	if err != nil {
		return nil, err
	}
	return all, add("echo-epoll", p, address)
}

func cpuTCP(e *env) (*table, error) {
	t := &table{Columns: costColumns}
	all, err := e.tcpContenders(t, tcpConnections, 1)
	if err != nil {
		return nil, err
	}
	t.note("%d connections, one call in flight on each", tcpConnections)
	key := ""
	err = e.rounds(t, all, func(costs map[string]cost) {
		if !e.peers {
			key = t.ratio("weir", "echo-epoll", costs)
		}
	})
	if key != "" {
		t.atMost("CPU per call, "+key, t.median(key), 2, "times (aim 1.5)")
	}
	return t, err
}

// probe asks a server one call by hand and returns its answer, whose size the bare echo will imitate.
func probe(address string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	ask := func(line string) (string, error) {
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			return "", err
		}
		answer, err := in.ReadString('\n')
		return strings.TrimSpace(answer), err
	}
	if _, err := ask(`{"jsonrpc":"2.0","id":1000000000,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"probe","version":"1"}}}`); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n")); err != nil {
		return "", err
	}
	o := client.DefaultOptions()
	answer, err := ask(`{"jsonrpc":"2.0","id":` + answerDigits + `,"method":"tools/call","params":{"name":"` + o.Tool +
		`","arguments":` + o.Arguments + `}}`)
	if err == nil && !strings.HasPrefix(answer, `{"jsonrpc":"2.0","id":`+answerDigits+`,"result":`) {
		err = fmt.Errorf("not the answer of a tool: %s", answer)
	}
	return answer, err
}

func cpuHTTP(e *env) (*table, error) {
	t := &table{Columns: costColumns}
	var all []contender
	add := func(name string, p *observe.Process, address string) error {
		f, err := e.open(httpConnections, func(o *client.Options) {
			o.Address, o.Transport = address, wire.HTTP
		})
		all = append(all, contender{name, p, f})
		return err
	}
	if !e.peers {
		s, err := e.weir("")
		if err != nil {
			return nil, err
		}
		if err := add("weir", s.Process, s.http); err != nil {
			return nil, err
		}
	}
	for _, peer := range []struct {
		name, program string
		args          []string
	}{{"mcp-go", "mcp-go", nil}, {"go-sdk", "go-sdk", nil}, {"go-sdk -json", "go-sdk", []string{"-json"}}} {
		p, address, err := e.peer(peer.program, peer.args...)
		if err != nil {
			return nil, err
		}
		if err := add(peer.name, p, address); err != nil {
			return nil, err
		}
	}
	t.note("%d connections, one call in flight on each, initialised sessions (2025-11-25)", httpConnections)
	t.note("go-sdk answers each call with an SSE stream unless told otherwise; go-sdk -json is told otherwise")
	var toMCPGo, toSDK, toJSON string
	err := e.rounds(t, all, func(costs map[string]cost) {
		if !e.peers {
			toMCPGo, toSDK = t.ratio("weir", "mcp-go", costs), t.ratio("weir", "go-sdk", costs)
			toJSON = t.ratio("weir", "go-sdk -json", costs)
		}
	})
	if toSDK != "" {
		t.atMost("CPU per call, "+toMCPGo, t.median(toMCPGo), 1.0/5, "(one fifth)")
		t.atMost("CPU per call, "+toSDK, t.median(toSDK), 1.0/20, "(one twentieth)")
		t.note("%s: %s", toJSON, number(t.median(toJSON)))
	}
	return t, err
}

const (
	pipelinedConnections = 20
	pipelinedDepth       = 64
)

func pipelined(e *env) (*table, error) {
	t := &table{Columns: costColumns}
	all, err := e.tcpContenders(t, pipelinedConnections, pipelinedDepth)
	if err != nil {
		return nil, err
	}
	t.note("%d TCP connections, %d calls in flight on each; server and generator share %d cores", pipelinedConnections,
		pipelinedDepth, observe.ThisHost().Cores)
	t.note("latency is that of the last call of each write")
	if err := e.rounds(t, all, func(map[string]cost) {}); err != nil {
		return nil, err
	}
	if !e.peers {
		t.atLeast("calls per second", t.median("weir calls/s"), 500_000, "calls/s")
		t.atMost("CPU per call, generator / weir", t.median("weir generator cpu us")/t.median("weir cpu us"), 0.5, "times")
	}
	return t, nil
}
