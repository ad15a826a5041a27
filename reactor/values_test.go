package reactor

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// stdioVoice is a client at the other ends of a process's standard streams.
type stdioVoice struct{ *streamed }

func (v stdioVoice) say(message string) { v.send(message + "\n") }
func (v stdioVoice) hear() string       { return strings.TrimSuffix(v.line(), "\n") }
func (v stdioVoice) cancel(id string)   { v.say(cancelled(id)) }

// addValues offers what gives back the values that it is given: typed, as they stand, and through a server of the SDK.
func addValues(t *testing.T, r *registry.Registry) {
	type values struct {
		I int64           `json:"i"`
		U uint64          `json:"u"`
		F float64         `json:"f"`
		A any             `json:"a"`
		R json.RawMessage `json:"r"`
		T string          `json:"t"`
	}
	registry.AddTool(r, &mcp.Tool{Name: "typed"}, func(_ context.Context, _ *mcp.CallToolRequest,
		in values) (*mcp.CallToolResult, values, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}}, in, nil
	})
	raw := func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{StructuredContent: req.Params.Arguments, Meta: mcp.Meta{"m": req.Params.Meta["m"]}}, nil
	}
	anything := json.RawMessage(`{"type":"object"}`)
	r.AddTool(&mcp.Tool{Name: "raw", InputSchema: anything}, raw)
	r.AddTool(&mcp.Tool{Name: "broken", InputSchema: anything}, func(context.Context,
		*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{StructuredContent: json.RawMessage("{\n\"k\xe9\":\"\\ud83d\"}")}, nil
	})
	s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	s.AddTool(&mcp.Tool{Name: "adopted", InputSchema: anything}, raw)
	adopted, err := r.Adopt(s, registry.Adoption{Raw: func(string) bool { return true }})
	must(t, err)
	t.Cleanup(func() { must(t, adopted.Close()) })
}

// TestValuesOnEveryTransport is F1 and F2 from end to end: numbers and text come through every transport as they were
// sent, in both eras, and what is broken leaves repaired.
func TestValuesOnEveryTransport(t *testing.T) {
	s := start(t, withSSE, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Unix = filepath.Join(t.TempDir(), "weir.sock")
	})
	addValues(t, s.registry)
	const values = `{"i":-9007199254740993,"u":18446744073709551615,"f":0.30000000000000004,` +
		`"a":[9007199254740993,1e400,0.1],"r":{"x":1.50,"y":123456789012345678901234567890},` +
		"\"t\":\"caf\u00e9 \U0001F600 \u2028 \\u0000\"}"
	for _, transport := range []string{"tcp", "unix", "websocket", "http", "sse", "stdio"} {
		for _, version := range []string{"2025-11-25", "2026-07-28"} {
			t.Run(transport+" "+version, func(t *testing.T) {
				meta, v := `"m":9007199254740993,"progressToken":9007199254740993`, voice(nil)
				if transport == "stdio" {
					streams := serveStdio(t, time.Second)
					addValues(t, streams.registry)
					v = stdioVoice{streams}
					v.say(able)
					v.hear()
				} else {
					v = s.newVoice(t, transport, version)
				}
				if version == "2026-07-28" {
					meta += "," + modernIs
				}
				call := func(tool, arguments string, want ...string) {
					t.Helper()
					v.say(`{"jsonrpc":"2.0","id":1774232524389123456,"method":"tools/call","params":{"name":"` + tool +
						`","arguments":` + arguments + `,"_meta":{` + meta + `}}}`)
					answer := v.hear()
					for _, part := range append(want, `"id":1774232524389123456,`) {
						contains(t, answer, part)
					}
				}
				for _, tool := range []string{"typed", "raw", "adopted"} {
					kept := []string{`"i":-9007199254740993`, `"u":18446744073709551615`, `"f":0.30000000000000004`,
						`"a":[9007199254740993,1e400,0.1]`, `"r":{"x":1.50,"y":123456789012345678901234567890}`,
						"caf\u00e9 \U0001F600 ", `\u0000"`}
					if tool != "typed" {
						kept = append(kept, `"m":9007199254740993`)
					}
					call(tool, values, kept...)
				}
				call("typed", strings.Replace(values, "-9007199254740993", "9223372036854775808", 1), "i: ",
					"9223372036854775808")
				call("typed", strings.Replace(values, "0.30000000000000004", "9007199254740993", 1), "f: ", "9007199254740993")
				call("broken", `{}`, "\"structuredContent\":{\"k\uFFFD\":\"\\ufffd\"}")
			})
		}
	}
}
