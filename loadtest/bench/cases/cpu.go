package cases

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	tcpConnections  = 1000
	httpConnections = 100
	answerDigits    = "1000000001" // the id of the probe, as wide as those of the generator
)

// tcpContenders starts weir (unless the peers are measured alone) and the bare echo, which answers with weir's own
// bytes.
func tcpContenders(e *harness.Env, t *record.Table, connections, window int) ([]harness.Contender, error) {
	var all []harness.Contender
	var args []string
	add := func(name string, p *observe.Process, address string) error {
		f, err := e.Open(connections, func(o *client.Options) { o.Address, o.Window = address, window })
		all = append(all, harness.Contender{Name: name, Process: p, Fleet: f})
		return err
	}
	if !e.Peers {
		s, err := e.Weir("")
		if err != nil {
			return nil, err
		}
		answer, err := probe(s.TCP)
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		t.Note("the echo answers with weir's own bytes: %s", answer)
		args = []string{"-answer", strings.Replace(answer, answerDigits, "0000000000", 1)}
		if err := add("weir", s.Process, s.TCP); err != nil {
			return nil, err
		}
	}
	p, address, err := e.Peer("echo-epoll", args...)
	if err != nil {
		return nil, err
	}
	return all, add("echo-epoll", p, address)
}

func cpuTCP(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: harness.CostColumns}
	all, err := tcpContenders(e, t, tcpConnections, 1)
	if err != nil {
		return nil, err
	}
	t.Note("%d connections, one call in flight on each", tcpConnections)
	key := ""
	err = harness.Rounds(e, t, all, func(costs map[string]harness.Cost) {
		if !e.Peers {
			key = harness.CostRatio(t, "weir", "echo-epoll", costs)
		}
	})
	if key != "" {
		t.AtMost("CPU per call, "+key, t.Median(key), 2, "times (aim 1.5)")
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

func cpuHTTP(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: harness.CostColumns}
	var all []harness.Contender
	add := func(name string, p *observe.Process, address string) error {
		f, err := e.Open(httpConnections, func(o *client.Options) {
			o.Address, o.Transport = address, wire.HTTP
		})
		all = append(all, harness.Contender{Name: name, Process: p, Fleet: f})
		return err
	}
	if !e.Peers {
		s, err := e.Weir("")
		if err != nil {
			return nil, err
		}
		if err := add("weir", s.Process, s.HTTP); err != nil {
			return nil, err
		}
	}
	for _, peer := range []struct {
		name, program string
		args          []string
	}{{"mcp-go", "mcp-go", nil}, {"go-sdk", "go-sdk", nil}, {"go-sdk -json", "go-sdk", []string{"-json"}}} {
		p, address, err := e.Peer(peer.program, peer.args...)
		if err != nil {
			return nil, err
		}
		if err := add(peer.name, p, address); err != nil {
			return nil, err
		}
	}
	t.Note("%d connections, one call in flight on each, initialised sessions (2025-11-25)", httpConnections)
	t.Note("go-sdk answers each call with an SSE stream unless told otherwise; go-sdk -json is told otherwise")
	var toMCPGo, toSDK, toJSON string
	err := harness.Rounds(e, t, all, func(costs map[string]harness.Cost) {
		if !e.Peers {
			toMCPGo, toSDK = harness.CostRatio(t, "weir", "mcp-go", costs), harness.CostRatio(t, "weir", "go-sdk", costs)
			toJSON = harness.CostRatio(t, "weir", "go-sdk -json", costs)
		}
	})
	if toSDK != "" {
		t.AtMost("CPU per call, "+toMCPGo, t.Median(toMCPGo), 1.0/5, "(one fifth)")
		t.AtMost("CPU per call, "+toSDK, t.Median(toSDK), 1.0/20, "(one twentieth)")
		t.Note("%s: %s", toJSON, record.Number(t.Median(toJSON)))
	}
	return t, err
}

const (
	pipelinedConnections = 20
	pipelinedDepth       = 64
)

func pipelined(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: harness.CostColumns}
	all, err := tcpContenders(e, t, pipelinedConnections, pipelinedDepth)
	if err != nil {
		return nil, err
	}
	t.Note("%d TCP connections, %d calls in flight on each; server and generator share %d cores", pipelinedConnections,
		pipelinedDepth, observe.ThisHost().Cores)
	t.Note("latency is that of the last call of each write")
	if err := harness.Rounds(e, t, all, func(map[string]harness.Cost) {}); err != nil {
		return nil, err
	}
	if !e.Peers {
		t.AtLeast("calls per second", t.Median("weir calls/s"), 500_000, "calls/s")
		t.AtMost("CPU per call, generator / weir", t.Median("weir generator cpu us")/t.Median("weir cpu us"), 0.5, "times")
	}
	return t, nil
}
