// Package wire spells messages for the tests of package reactor and of those below it. It knows nothing of the server.
package wire

import (
	"fmt"
	"strings"

	"github.com/gobwas/ws"
)

// Hello begins the handshake of the older revisions.
const Hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
	`"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// ToolCall is a tools/call line.
func ToolCall(id, tool, arguments string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `",` +
		`"arguments":` + arguments + `}}` + "\n"
}

// Post is a POST of a message over HTTP.
func Post(body string, headers ...string) string {
	return "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\n" + strings.Join(append(headers, ""), "\r\n") +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// ModernCall is a tools/call of MCP 2026-07-28 over HTTP.
func ModernCall(id, tool, arguments string) string {
	return Post(`{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: "+tool)
}

// ClientFrame is one masked WebSocket text frame.
func ClientFrame(text string) string {
	return string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
}
