package cmd

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/needs"
)

// readmeBlock is a block of code in README.md, and the file that the sentence before it names: `tools/tools.go` is
// what...
type readmeBlock struct{ file, language, text string }

var (
	blockOf = regexp.MustCompile("(?s)((?:[^\n]+\n)+)\n```(go|yaml|sh)\n(.*?)```\n")
	fileOf  = regexp.MustCompile("`([a-z/]+\\.(?:go|yaml))`")
)

// ownServer are the blocks of the section "A server of your own".
func ownServer(t *testing.T) (blocks []readmeBlock) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## A server of your own\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, found := range blockOf.FindAllStringSubmatch(section, -1) {
		block := readmeBlock{language: found[2], text: found[3]}
		if name := fileOf.FindStringSubmatch(found[1]); name != nil && block.language != "sh" {
			block.file = name[1]
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// ownModule makes what README tells, in a folder outside the repository, and returns the folder and the commands that
// run it.
func ownModule(t *testing.T) (dir string, commands []string) {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	shell(t, dir, "mkdir weir")
	for _, block := range ownServer(t) {
		switch {
		case block.file != "":
			// The ports of the page may be taken here; the small program cannot say which it got.
			text := strings.NewReplacer("127.0.0.1:9090", "127.0.0.1:0", `"127.0.0.1:8080"`, `"`+freeAddress(t)+`"`,
				"http: 127.0.0.1:8080", "http: 127.0.0.1:0").Replace(block.text)
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, block.file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, block.file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(block.text, "mkdir ../greet && cd ../greet\n"): // in a clone that is called weir
			shell(t, dir+"/weir", strings.ReplaceAll(block.text, "=../weir", "="+root))
			dir += "/greet"
		case strings.HasPrefix(block.text, "curl "): // one command on several lines
			commands = append(commands, block.text)
		default:
			commands = append(commands, strings.Split(strings.TrimSpace(block.text), "\n")...)
		}
	}
	// In place of go mod tidy, which wants the network: the sums are known here, and -mod=mod adds what go.mod lacks.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, commands
}

// shell runs a command as README's reader would, without network.
func shell(t *testing.T, dir, command string) (stderr string) {
	t.Helper()
	var out, errs strings.Builder
	c := offline(exec.Command("bash", "-euc", command), dir)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, &out, &errs)
	}
	return errs.String()
}

func offline(c *exec.Cmd, dir string) *exec.Cmd {
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	return c
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestOwnServer builds and runs README's section in a module outside the repository: the whole program with its
// configuration file, tokens and admin listener, and the small one over HTTP and stdio.
func TestOwnServer(t *testing.T) {
	dir, commands := ownModule(t)
	token, serve, call := "", "", ""
	for _, command := range commands {
		switch {
		case command == "go mod tidy":
		case strings.HasPrefix(command, "bin/greet serve"):
			serve = command
		case strings.HasPrefix(command, "curl "):
			call = command
		default:
			said := strings.Split(strings.TrimSpace(shell(t, dir, command)), "\n")
			if strings.HasPrefix(command, "bin/greet token") {
				token = said[len(said)-1]
			}
		}
	}
	if token == "" || serve == "" || call == "" {
		t.Fatalf("README makes no token, starts nothing, or calls nothing: %q", commands)
	}
	t.Run("whole", func(t *testing.T) { tryWhole(t, dir, serve, token, strings.ReplaceAll(call, "TOKEN", token)) })
	t.Run("small", func(t *testing.T) { trySmall(t, dir) })
}

func tryWhole(t *testing.T, dir, serve, token, call string) {
	c := &child{Cmd: offline(exec.Command("bash", "-euc", "exec "+serve), dir), t: t}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	c.log = bufio.NewScanner(stderr)
	var line struct {
		Version   string
		Listeners map[string]string
	}
	c.await("serving", &line)
	if c.addresses = line.Listeners; line.Version != "1.0" || c.addresses["tcp"] != "" {
		t.Errorf("%+v", line)
	}
	if status := c.httpGet("/status"); !strings.Contains(status, `"version": "1.0"`) {
		t.Error(status)
	}
	transport := func(token string) mcp.Transport {
		return &mcp.StreamableClientTransport{Endpoint: "http://" + c.addresses["http"] + "/mcp",
			HTTPClient: &http.Client{Transport: bearerTransport{token}}}
	}
	server := tryTools(t, transport(token))
	if server.ServerInfo.Name != "greet" || server.ServerInfo.Version != "1.0" ||
		server.Instructions != "Greet people by their names." {
		t.Errorf("it says that it is %+v, %q", server.ServerInfo, server.Instructions)
	}
	t.Run("curl", func(t *testing.T) {
		needs.Programs(t, "the line with a token was not run", "curl")
		call := strings.ReplaceAll(strings.TrimSpace(call), "127.0.0.1:8080", c.addresses["http"])
		if answer := shell(t, dir, "("+call+") >&2"); !strings.Contains(answer, `"name":"greet"`) {
			t.Errorf("%s\nis answered\n%s", call, answer)
		}
	})
	client := mcp.NewClient(&mcp.Implementation{Name: "own", Version: "1"}, nil)
	if _, err := client.Connect(t.Context(), transport("mallory"), nil); err == nil {
		t.Error("somebody without a token was let in")
	}
	c.Process.Signal(syscall.SIGTERM)
	c.await("stopped", nil)
	if code := c.exitCode(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	tryTools(t, &mcp.CommandTransport{Command: offline(exec.Command("bin/greet", "stdio"), dir)})
	said := shell(t, dir, "(bin/greet version; bin/greet stdio --help; bin/greet load --help) >&2\n"+
		"bin/greet serve --http x || true")
	for _, want := range []string{"greet 1.0 (commit", `{"mcpServers": {"greet": {"command": "/usr/local/bin/greet"`,
		"greet load baseline", "greet: the configuration is wrong"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in what it says of itself:\n%s", want, said)
		}
	}
	if strings.Contains(said, "weir") || strings.Contains(said, "${") {
		t.Errorf("it has another name than its own:\n%s", said)
	}
}

func trySmall(t *testing.T, dir string) {
	main, err := os.ReadFile(filepath.Join(dir, "small/main.go"))
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`"(127\.0\.0\.1:\d+)"`).FindStringSubmatch(string(main))[1]
	c := offline(exec.Command("bin/small"), dir)
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	eventually(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	tryTools(t, &mcp.StreamableClientTransport{Endpoint: "http://" + address + "/mcp"})
	// While that one has the port.
	tryTools(t, &mcp.CommandTransport{Command: offline(exec.Command("bin/small", "stdio"), dir)})
	c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil || errs.Len() > 0 {
		t.Errorf("%v\n%s", err, &errs)
	}
}

// tryTools calls README's three tools.
func tryTools(t *testing.T, transport mcp.Transport) *mcp.InitializeResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "own", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"city": "Turin"}}, nil
		},
	}).Connect(ctx, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if tools, err := session.ListTools(ctx, nil); err != nil || len(tools.Tools) != 4 {
		t.Errorf("tools/list: %+v, %v", tools, err)
	}
	f := func(want, tool string, arguments map[string]any) {
		t.Helper()
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil || result.IsError || len(result.Content) != 1 || result.Content[0].(*mcp.TextContent).Text != want {
			t.Errorf("%s: %+v, %v", tool, result, err)
		}
	}
	f("Hello, Ada", "greet", map[string]any{"name": "Ada"})
	f(`{"sum":5}`, "add", map[string]any{"a": 2, "b": 3})
	f("that was it", "wait", map[string]any{"seconds": 0})
	f("to Ada in Turin, from ", "deliver", map[string]any{"name": "Ada"})
	return session.InitializeResult()
}
