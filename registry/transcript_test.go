package registry

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/*.txt")

// TestTranscripts plays testdata/*.txt. A transcript is prose (lines with #) around what goes over the wire:
//
//	fixture offers          a new server: the fixture, with "offers" that of offers_test.go too
//	transport http          a new client: line, websocket or http
//	principal alice         who sends from here on, as the transport found out
//	header Mcp-Name: echo   a header of the next message; $SESSION is the session that was opened
//	-> {...}                a message to the server
//	<- 200 {...}            its answer: HTTP status (http only), "session" if one was opened, body if any
//
// go test ./registry -run Transcripts -update writes what the server says now; read the difference before you keep it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if got == string(want) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("%s:%d:\n got %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
				}
			}
			t.Fatalf("%s: %d lines, want %d", file, len(gotLines), len(wantLines))
		})
	}
}

// play runs a transcript and returns it with the answers that were given.
func play(t *testing.T, script string) string {
	r := newFixture(t, func(o *Options) { o.PageSize = 6 })
	var p *peer
	var h Header
	session := ""
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		if word == "<-" {
			continue // written anew after its message
		}
		out.WriteString(line + "\n")
		switch word {
		case "fixture":
			r = newFixture(t, func(o *Options) { o.PageSize = 6 })
			if rest == "offers" {
				addFixtureOffers(r)
			}
		case "transport":
			transports := map[string]Transport{"line": Line, "websocket": WebSocket, "http": HTTP}
			transport, ok := transports[rest]
			if !ok {
				t.Fatalf("unknown line %q", line)
			}
			p, h = &peer{r: r, transport: transport}, Header{}
		case "principal":
			p.principal = rest
		case "header":
			setHeader(t, &h, strings.ReplaceAll(rest, "$SESSION", session))
		case "->":
			a := p.send(rest, h)
			h = Header{}
			if a.session != "" {
				session = a.session
			}
			out.WriteString(a.line(p.transport))
		case "delete":
			fmt.Fprintf(&out, "<- %d\n", r.EndSession([]byte(strings.ReplaceAll(rest, "$SESSION", session)), p.principal))
		default:
			if line != "" && word != "#" {
				t.Fatalf("unknown line %q", line)
			}
		}
	}
	return out.String()
}

func (a answer) line(transport Transport) string {
	parts := []string{"<-"}
	if transport == HTTP {
		parts = append(parts, fmt.Sprint(a.status))
	}
	if a.session != "" {
		parts = append(parts, "session")
	}
	if a.body != "" {
		parts = append(parts, a.body)
	} else if transport != HTTP {
		parts = append(parts, "(nothing)")
	}
	return strings.Join(parts, " ") + "\n"
}

func setHeader(t *testing.T, h *Header, field string) {
	name, value, _ := strings.Cut(field, ":")
	v := append([]byte{}, strings.TrimSpace(value)...)
	switch strings.ToLower(name) {
	case "mcp-protocol-version":
		h.ProtocolVersion = v
	case "mcp-session-id":
		h.SessionID = v
	case "mcp-method":
		h.Method = v
	case "mcp-name":
		h.Name = v
	default:
		param, ok := strings.CutPrefix(name, "Mcp-Param-")
		if !ok {
			t.Fatalf("unknown header %q", field)
		}
		h.Params = append(h.Params, httpParam(param, v))
	}
}
