package finder

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/handler"
)

// What models read. It stands in the context of each conversation, so it is short: with both tools 4 KB at most.

const (
	findInput = `{"type":"object","properties":{
"query":{"type":"string","minLength":1,"maxLength":1000,
"description":"What is to be done, in a few words, or a tool's name"},
"limit":{"type":"integer","minimum":1,"maximum":20,"description":"How many tools at most, 5 if nothing is said"}},
"required":["query"],"additionalProperties":false}`

	findOutput = `{"type":"object","properties":{
"tools":{"type":"array","description":"Tools, the likeliest first","items":{"type":"object","properties":{
"name":{"type":"string"},"title":{"type":"string"},"description":{"type":"string"},
"inputSchema":{"type":"object","description":"What call_tool takes as arguments"}},"required":["name"]}},
"note":{"type":"string"}},"required":["tools"]}`

	callInput = `{"type":"object","properties":{
"name":{"type":"string","description":"The tool's name, as find_tools says it"},
"arguments":{"type":"object","description":"What the tool is given, by its inputSchema"}},
"required":["name"],"additionalProperties":false}`
)

// findTools is the definition of find_tools; of says of which tools.
func findTools(of string) *mcp.Tool {
	return &mcp.Tool{Name: FindTools, Title: "Find tools",
		Description: "Finds tools by what they do. There are more tools than are listed here: look for one before you say " +
			"that something cannot be done, then call it with call_tool." + of,
		InputSchema: json.RawMessage(findInput), OutputSchema: json.RawMessage(findOutput),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: new(false)}}
}

// callTool is the definition of call_tool.
func callTool() *mcp.Tool {
	return &mcp.Tool{Name: CallTool, Title: "Call a tool",
		Description: "Calls a tool that find_tools has found, with arguments as its inputSchema says. The result is the " +
			"tool's.",
		InputSchema: json.RawMessage(callInput)}
}

// maxNamedBytes is how much is said of whose the tools are.
const maxNamedBytes = 1200

// describe says how many tools there are, and whose: the mounts with most first.
func describe(all []*handler.Tool) string {
	counts := map[string]int{}
	for _, t := range all {
		mount, _ := origin(t)
		counts[mount]++
	}
	own := counts[""]
	delete(counts, "")
	mounts := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	said := fmt.Sprintf(" There are %d", len(all))
	for i, mount := range mounts {
		if len(said) > maxNamedBytes {
			said += fmt.Sprintf(" and of %d more", len(mounts)-i)
			break
		}
		separator := ", "
		if i == 0 {
			separator = ": of "
		}
		said += fmt.Sprintf("%s%s (%d)", separator, mount, counts[mount])
	}
	if own > 0 && len(mounts) > 0 {
		said += fmt.Sprintf(", and %d of this server's own", own)
	}
	return said + "."
}

// Forwarded is what a call.Forwarder may say of the tool that it forwards to: the name of its server, and the tool's
// name there.
type Forwarded interface{ Origin() (mount, name string) }

// origin is whose a tool is, and its name there; "" for this server's own.
func origin(t *handler.Tool) (mount, name string) {
	if of, ok := t.Forward.(Forwarded); ok {
		return of.Origin()
	}
	return "", ""
}
