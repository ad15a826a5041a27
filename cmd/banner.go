package cmd

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// tryLine is a command that a reader can paste to see the server answer.
type tryLine struct {
	about   string
	command string
}

// tryLines are the commands for a server with the demo tools that listens on these addresses ("" or absent: off) and
// serves HTTP at path; with tokens they take one from the shell's TOKEN. They are printed at the start and, without
// tokens, stand in README.md; a test runs each against a real server.
func tryLines(addresses map[string]string, path string, tokens bool) []tryLine {
	header, first := "", ""
	if tokens {
		header, first = `  -H "Authorization: Bearer $TOKEN" \`+"\n", `"Authorization: Bearer $TOKEN" `
	}
	const (
		curl       = `curl -sw '\n' http://%s%s -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \` + "\n"
		initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
			`"capabilities":{},"clientInfo":{"name":"me","version":"1"}}}`
		arguments = `"name":"echo","arguments":{"message":"hello"}`
		modern    = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
			`"io.modelcontextprotocol/clientCapabilities":{}}`
		call = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{` + arguments
	)
	var lines []tryLine
	if address := dialable(addresses["http"]); address != "" {
		lines = append(lines,
			tryLine{"initialize, as clients up to 2025-11-25 begin", fmt.Sprintf(curl, address, path) + header +
				`  -d '` + initialize + `'`},
			tryLine{"call a tool, as clients of 2026-07-28 do: no handshake", fmt.Sprintf(curl, address, path) + header +
				`  -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: echo' \` + "\n" +
				`  -d '` + call + `,` + modern + `}}'`})
	}
	if address := dialable(addresses["tcp"]); address != "" {
		host, port, _ := net.SplitHostPort(address)
		lines = append(lines, tryLine{"the same two over TCP, one message per line",
			`printf '%s\n' ` + first + `'` + initialize + "' \\\n" +
				`  '{"jsonrpc":"2.0","method":"notifications/initialized"}' '` + call + `}}' \` + "\n" +
				`  | nc -N ` + host + ` ` + port})
	}
	return lines
}

// dialable turns an address that was listened on into one to connect to: all interfaces include loopback.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// printBanner tells a person where the server listens and what to try.
func printBanner(out io.Writer, config *Config, addresses map[string]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s\n", config.program.Name, config.program.Version)
	lines := []struct{ about, key, form string }{
		{"MCP over HTTP and WebSocket", "http", "http://%s" + config.Server.HTTPPath},
		{"MCP over TCP, a message per line", "tcp", "%s"},
		{"MCP over a Unix socket, a message per line", "unix", "%s"},
		{"metrics, health, status, profiles", "admin", "http://%s/status"},
	}
	if path := config.Server.HTTPSSEPath; path != "" {
		lines = slices.Insert(lines, 1, struct{ about, key, form string }{"MCP over HTTP+SSE, as in 2024-11-05", "http",
			"http://%s" + path})
	}
	for _, line := range lines {
		if address := addresses[line.key]; address != "" {
			fmt.Fprintf(&b, "  %-44s"+line.form+"\n", line.about, address)
		}
	}
	tokens := config.tokens != nil
	if tokens {
		b.WriteString("\nNobody is served without a token: over HTTP the header 'Authorization: Bearer TOKEN', " +
			"over TCP the same as first line.\n")
	}
	if tries := tryLines(addresses, config.Server.HTTPPath, tokens); config.Demo && len(tries) > 0 {
		b.WriteString("\nTry, from another terminal")
		if tokens {
			b.WriteString(" whose TOKEN is a token (" + config.program.Name + " token NAME makes one)")
		}
		b.WriteString(":\n")
		for _, line := range tries {
			fmt.Fprintf(&b, "\n# %s\n%s\n", line.about, line.command)
		}
	}
	b.WriteString("\nCtrl-C drains and stops; again after a second stops at once.\n\n")
	io.WriteString(out, b.String()) // a terminal that went away misses nothing that the log does not say
}
