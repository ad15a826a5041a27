package engine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/registry"
	. "weir/registry/engine"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/*.txt")

// TestTranscripts plays testdata/*.txt. A transcript is prose (lines with #) around what goes over the wire:
//
//	fixture offers          a new server: the fixture, with "offers" that of offers_test.go too, with "jobs" that of
//	                        jobs_test.go
//	transport http          a new client: line, websocket or http
//	principal alice         who sends from here on, as the transport found out
//	header Mcp-Name: echo   a header of the next message; $SESSION is the session that was opened
//	-> {...}                a message to the server; $TASK1 is the id of the first task that was seen, and so on,
//	                        $STATE the latest requestState
//	run                     the workers run every task that is queued, and requests that were suspended go on (jobs only)
//	<- 200 {...}            its answer: HTTP status (http only), "session" if one was opened, body if any
//	<~ {...}                what the server sends besides (jobs only)
//
// go test ./registry/engine -run Transcripts -update writes what the server says now; read the difference before you keep it.
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
			got := play(t, string(want), func(message string, _ *Header) string { return message })
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

// play runs a transcript and returns it with the answers that were given. Each message goes out as sent makes it.
func play(t *testing.T, script string, sent func(message string, h *Header) string,
	change ...func(*registry.Options)) string {
	change = append(change, func(o *registry.Options) { o.PageSize = 6 })
	r := newFixture(t, change...)
	var p *peer
	var h Header
	session := ""
	var jobs *bench
	seen := &taskNames{}
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		if word == "<-" {
			continue // written anew after its message
		}
		if word == "<~" {
			continue
		}
		out.WriteString(line + "\n")
		switch word {
		case "fixture":
			r = newFixture(t, change...)
			jobs = nil
			switch rest {
			case "offers":
				addFixtureOffers(r)
			case "jobs":
				r, jobs, _ = newJobs(t, change...)
			}
		case "transport":
			transports := map[string]Transport{"line": Line, "websocket": WebSocket, "http": HTTP}
			transport, ok := transports[rest]
			if !ok {
				t.Fatalf("unknown line %q", line)
			}
			p, h = &peer{r: r, transport: transport}, Header{}
			if jobs != nil {
				p.back = &backstage{r: r}
			}
		case "principal":
			p.principal = rest
		case "header":
			setHeader(t, &h, seen.fill(strings.ReplaceAll(rest, "$SESSION", session)))
		case "->":
			was := p.suspended()
			a := p.send(sent(seen.fill(rest), &h), h)
			h = Header{}
			if a.session != "" {
				session = a.session
			}
			if p.suspended() > was {
				a.body = "(suspended)"
			}
			out.WriteString(seen.hide(a.line(p.transport)))
			if jobs != nil {
				out.WriteString(seen.hide(p.besides()))
			}
		case "run":
			jobs.run()
			out.WriteString(seen.hide(p.besides()))
		case "delete":
			fmt.Fprintf(&out, "<- %d\n", httpStatuses[r.EndSession(nil, []byte(strings.ReplaceAll(rest, "$SESSION", session)),
				p.principal)])
		default:
			if line != "" && word != "#" {
				t.Fatalf("unknown line %q", line)
			}
		}
	}
	return out.String()
}

// suspended is how many requests of the peer are suspended.
func (p *peer) suspended() int {
	if p == nil || p.back == nil {
		return 0
	}
	return p.back.suspended
}

// besides is what a peer is sent that is no answer to its last message.
func (p *peer) besides() (lines string) {
	answers := p.back.again()
	for _, message := range p.back.early(&p.conv) {
		lines += "<~ " + message + "\n"
	}
	for _, a := range answers {
		lines += a.line(p.transport)
	}
	return lines
}

// taskNames are the ids of tasks in the order in which they were seen: $TASK1, $TASK2.
type taskNames struct {
	ids   []string
	state string // the latest requestState: $STATE
}

var (
	taskIDs    = regexp.MustCompile(`"[A-Z2-7]{26}"`)
	taskStates = regexp.MustCompile(`"requestState":"([^"]*)"`)
	taskTimes  = regexp.MustCompile(`"(createdAt|lastUpdatedAt)":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
)

// hide takes out of text what differs from run to run.
func (n *taskNames) hide(text string) string {
	text = taskIDs.ReplaceAllStringFunc(text, func(member string) string {
		id := member[1 : len(member)-1]
		if !slices.Contains(n.ids, id) {
			n.ids = append(n.ids, id)
		}
		return fmt.Sprintf(`"$TASK%d"`, slices.Index(n.ids, id)+1)
	})
	for _, found := range taskStates.FindAllStringSubmatch(text, -1) {
		n.state = found[1]
	}
	return taskStates.ReplaceAllString(taskTimes.ReplaceAllString(text, `"$1":"TIME"`), `"requestState":"STATE"`)
}

// fill puts the ids in.
func (n *taskNames) fill(text string) string {
	text = strings.ReplaceAll(text, "$STATE", n.state)
	for i := len(n.ids) - 1; i >= 0; i-- {
		text = strings.ReplaceAll(text, fmt.Sprintf("$TASK%d", i+1), n.ids[i])
	}
	return text
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
