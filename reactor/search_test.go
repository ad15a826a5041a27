package reactor

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"weir/backpressure"
	"weir/reactor/mount"
	"weir/registry"
)

// byCallTool has the calls of tests made by call_tool, of servers that list it.
var byCallTool bool

// aimed is a tools/call as call_tool makes it, while byCallTool; every other message as it is.
func aimed(message string) string {
	var m struct {
		Method string
		Params map[string]json.RawMessage
	}
	if !byCallTool || json.Unmarshal([]byte(message), &m) != nil || m.Method != "tools/call" {
		return message
	}
	name, arguments := string(m.Params["name"]), string(m.Params["arguments"])
	inner := `"name":"call_tool","arguments":{"name":` + name
	if arguments != "" {
		message = strings.Replace(message, `,"arguments":`+arguments, "", 1)
		inner += `,"arguments":` + arguments
	}
	return strings.Replace(message, `"name":`+name, inner+`}`, 1)
}

// TestByCallTool: limits, queues, cancellation, questions, mounts, what is told of calls: all is the tool's that is
// called, for calls that wait and for those that were kept compact.
func TestByCallTool(t *testing.T) {
	byCallTool = true
	defer func() { byCallTool = false }()
	for name, test := range map[string]func(*testing.T){
		"held": TestHeldMessages, "limit": TestToolLimit, "limit of a burst": TestToolLimitOfABurst,
		"limit given back": TestToolLimitIsGivenBack, "limit of suspended calls": TestToolLimitOfSuspendedCalls,
		"limit of tasks": TestToolLimitOfTasks, "a mount asks, modern": TestMountAsksModern,
		"a mount asks, legacy": TestMountAsksLegacy, "a mount passes bytes": TestMountPassesBytes,
		"told": TestRequestsAreTold, "late and told": TestLateHandlerIsTold, "left and told": TestCancelledAndLeftAreTold,
		"refused and told": TestRefusedAndCompactAreTold,
	} {
		t.Run(name, test)
	}
}

// TestFeaturesByCallTool: the script of TestFeatures is heard as it is without call_tool, but for lists of tools and
// unknown ones.
func TestFeaturesByCallTool(t *testing.T) {
	byCallTool = true
	defer func() { byCallTool = false }()
	script, err := os.ReadFile("testdata/features.txt")
	must(t, err)
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Unix = t.TempDir() + "/weir.sock"
	})
	s.addTell()
	s.addAsk()
	s.addOffers()
	for _, transport := range []string{"tcp", "unix", "websocket", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			got := strings.Split(s.perform(t, transport, string(script)), "\n")
			said := ""
			for i, want := range strings.Split(string(script), "\n") {
				if strings.HasPrefix(want, "-> ") {
					said = want
				}
				if got[i] != want && !strings.Contains(said, `"tools/list"`) && !strings.Contains(said, `"name":"nobody"`) {
					t.Fatalf("line %d, after %s\n got %s\nwant %s", i+1, said, got[i], want)
				}
			}
		})
	}
}

// TestSearchMounts: more tools of a mount than are listed are found by what they do, with the mount named and counted, and
// called under the name that they have there.
func TestSearchMounts(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.Prefix = "NAME-" })
	tools := []string{`{"name":"feedZebra","description":"Gives food to an animal.","inputSchema":{"type":"object",` +
		`"properties":{"n":{"type":"number","maximum":12345678901234567890.10}}}}`,
		`{"name":"shown","inputSchema":{"type":"object"},"_meta":{"ui":{"resourceUri":"ui://m"}}}`}
	for i := range 70 {
		tools = append(tools, fmt.Sprintf(`{"name":"t%d","description":"does %d","inputSchema":{"type":"object"}}`, i, i))
	}
	p.greet(strings.Join(tools, ","))
	c := up(t, s, 72)
	c.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	list := c.hear()
	contains(t, list, `"name":"find_tools"`, `"name":"call_tool"`, `"name":"m-shown"`, ": of m (72), and ")
	if len(list) > 4<<10 || strings.Contains(list, "t17") {
		t.Errorf("the list has %d bytes: %s", len(list), list)
	}
	c.say(callOf(2, "find_tools", `,"arguments":{"query":"food for a zebra","limit":1}`))
	contains(t, c.hear(), `"structuredContent":{"tools":[{"name":"m-feedZebra","description":"Gives food to an animal.",`+
		`"inputSchema":`, `"maximum":12345678901234567890.10`)
	c.say(callOf(3, "call_tool", `,"arguments":{"name":"m-feedZebra","arguments":{"n": 1.50}}`))
	m := p.hear("tools/call")
	if string(m.Params) != `{"name":"feedZebra","arguments":{"n": 1.50}}` {
		t.Errorf("the mount is asked %s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	contains(t, c.hear(), `"id":3,"result":{"content":[]}`)
	c.say(callOf(4, "call_tool", `,"arguments":{"name":"feedZebra"}`))
	contains(t, c.hear(), `"isError":true`, "near are m-feedZebra")
	if n := s.metric(`weir_tool_calls_total{tool="m-feedZebra",outcome="ok"}`); n != "1" {
		t.Errorf("%s calls are counted", n)
	}
}

// TestSearchViews: what is found and called by call_tool is what is offered at the endpoint, and to the principal.
func TestSearchViews(t *testing.T) {
	s, one, _ := twoMounts(t, guarded, views, func(_ *Options, _ *backpressure.Options, r *registry.Options) {
		r.Search.Mode = "on"
	})
	f := func(path, principal, call string, want ...string) string {
		t.Helper()
		_, answer := s.asks(path, call, bearing(principal), s.sessionAt(path, bearing(principal)))
		contains(t, answer, want...)
		return answer
	}
	find := callOf(1, "find_tools", `,"arguments":{"query":"echo one two a"}`)
	names := func(path, principal string, want ...string) {
		t.Helper()
		var said struct {
			Result struct {
				StructuredContent struct{ Tools []struct{ Name string } }
			}
		}
		answer := f(path, principal, find)
		must(t, json.Unmarshal([]byte(answer), &said))
		var got []string
		for _, tool := range said.Result.StructuredContent.Tools {
			got = append(got, tool.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s at %s: %q, want %q", principal, path, got, want)
		}
	}
	names("/mcp", "alice", "echo", "one_a")
	names("/mcp/one", "alice", "a")
	f("/mcp/two", "alice", find, "Unknown tool: find_tools") // there is nothing for her
	f("/mcp", "bob", find, "Unknown tool: find_tools")
	byName := func(name string) string { return callOf(1, "call_tool", `,"arguments":{"name":"`+name+`"}`) }
	if answer := f("/mcp", "alice", byName("two_a"), "there is no tool"); strings.Count(answer, "two_a") != 1 {
		t.Error(answer)
	}
	f("/mcp/one", "alice", byName("one_a"), "there is no tool")
	s.calls(one, "/mcp/one", byName("a"), bearing("alice"), s.sessionAt("/mcp/one", bearing("alice")))
	s.calls(one, "/mcp", byName("one_a"), bearing("alice"), s.sessionAt("/mcp", bearing("alice")))
	if n := s.metric(`weir_tool_calls_total{tool="find_tools",outcome="ok"}`); n != "2" {
		t.Errorf("%s questions are counted, of two views", n)
	}
}
