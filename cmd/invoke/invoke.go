package invoke

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Flags are those of the command.
type Flags struct {
	Tool      string   `arg:"" optional:"" help:"The tool's name."`
	Arguments []string `arg:"" optional:"" name:"key=value" help:"The tool's arguments; key=@FILE takes a file's text."`

	Target    string `placeholder:"URL" default:"http://127.0.0.1:8080/mcp" help:"The server: http://HOST:PORT/mcp, ws://HOST:PORT/mcp, tcp://HOST:PORT or unix:PATH (default: http://127.0.0.1:8080/mcp)."`
	List      bool   `help:"List the tools, with their arguments, and call none."`
	JSON      string `name:"json" placeholder:"OBJECT" help:"All arguments as one JSON object, in place of key=value; @FILE takes it from a file."`
	Raw       bool   `help:"Print the result, or the list, as JSON."`
	Era       string `placeholder:"ERA" default:"auto" enum:"auto,legacy,modern" help:"Speak legacy (up to 2025-11-25), modern (2026-07-28), or auto: what the server knows."`
	TokenFile string `placeholder:"FILE" help:"A file with a token of the server's auth.tokens_file, and nothing else."`
}

// Help is what stands below the flags.
func (Flags) Help() string {
	return `Calls a tool and prints what it answers. Values have the types of the tool's schema: numbers, true and false as
they are, lists and objects as JSON, everything else as text. A key that comes twice makes a list. key=@FILE takes the
text of a file, and key=@@x is the text @x. Ctrl-C cancels the call, and the server hears of it.

  ${program} call --list
  ${program} call echo message=hello
  ${program} call --target unix:/run/${program}.sock files_read_file path=/etc/hosts
  ${program} call search --json '{"query": "x", "limit": 5}' --raw

TLS is not spoken: call the server behind its proxy.

Exit codes: 0 there is a result; 1 the tool, or the server, answers with an error; 2 a flag or an argument is wrong,
and nothing was called; 3 the server is not reached, or is gone before it answers; 130 Ctrl-C.`
}

// The exit codes.
const (
	exitOK        = 0
	exitError     = 1
	exitUsage     = 2
	exitNoServer  = 3
	exitCancelled = 130
)

const (
	// meetTime is how long one waits until the server has greeted.
	meetTime = 10 * time.Second
	// lastWords is how long a session may take to end, such as for the cancellation to leave.
	lastWords = time.Second
	// maxTools is how many tools are asked for.
	maxTools = 100_000
)

// usageError is about the command line.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run is the command of a program of that name and version. It returns the exit code.
func (f *Flags) Run(program, version string, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed, err := f.run(ctx, program, version, stdout)
	var wrong usageError
	answered, isAnswer := answerOf(err)
	switch {
	case err == nil && failed:
		return exitError
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "%s call: cancelled\n", program)
		return exitCancelled
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "%s call: %v\n", program, err)
		return exitUsage
	case isAnswer:
		fmt.Fprintf(stderr, "%s call: the server answers with error %d: %s\n", program, answered.Code, answered.Message)
		if len(answered.Data) > 0 {
			fmt.Fprintf(stderr, "%s\n", answered.Data)
		}
		return exitError
	}
	fmt.Fprintf(stderr, "%s call: %v\n", program, err)
	return exitNoServer
}

// run does it. failed: the tool itself says that it failed.
func (f *Flags) run(ctx context.Context, program, version string, stdout io.Writer) (failed bool, _ error) {
	if f.List == (f.Tool != "") || f.List && len(f.Arguments) > 0 {
		return false, usage("allowed is TOOL with its arguments, or --list without: --list says which tools there are")
	}
	arguments, err := f.object()
	if err != nil {
		return false, err
	}
	session, err := f.meet(ctx, program, version)
	if err != nil {
		return false, err
	}
	defer end(session)
	if f.List {
		return false, f.list(ctx, session, stdout)
	}
	if arguments == nil {
		if arguments, err = f.typed(ctx, session); err != nil {
			return false, err
		}
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: f.Tool, Arguments: arguments})
	if err != nil {
		return false, fmt.Errorf("the call of %s: %w", f.Tool, err)
	}
	if f.Raw {
		return result.IsError, writeJSON(stdout, result)
	}
	return result.IsError, writeResult(stdout, result)
}

// meet connects and greets.
func (f *Flags) meet(ctx context.Context, program, version string) (*mcp.ClientSession, error) {
	token, err := readToken(f.TokenFile)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	transport, err := dial(ctx, f.Target, token)
	if err != nil {
		return nil, err
	}
	options := mcp.ClientSessionOptions{}
	if f.Era == "legacy" {
		options.ProtocolVersion = "2025-11-25"
	}
	// Nothing can be asked here, and a client that declares nothing is not asked.
	client := mcp.NewClient(&mcp.Implementation{Name: program + "-call", Version: version},
		&mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}})
	session, err := client.Connect(ctx, transport, &options)
	if err != nil {
		next := "--target says where it is"
		if strings.Contains(err.Error(), http.StatusText(http.StatusUnauthorized)) {
			next = "it asks for a token: --token-file names a file with one"
		}
		return nil, fmt.Errorf("no MCP server answers at %s: %w; %s", f.Target, reason(err), next)
	}
	if spoken := session.InitializeResult().ProtocolVersion; f.Era == "modern" && spoken < "2026-07-28" {
		end(session)
		return nil, fmt.Errorf("%s speaks %s, which --era=modern is not", f.Target, cmp.Or(spoken, "another revision"))
	}
	return session, nil
}

// reason is why a server was not met: an answer of its own is no error of a tool.
func reason(err error) error {
	if answered, is := answerOf(err); is {
		return fmt.Errorf("it refuses to be greeted: %s (%d)", answered.Message, answered.Code)
	}
	return err
}

// codeRejected is how the SDK says, in the form of an answer, that a request did not leave.
const codeRejected = -32005

// answerOf is the server's error in an error.
func answerOf(err error) (*jsonrpc.Error, bool) {
	var answered *jsonrpc.Error
	return answered, errors.As(err, &answered) && answered.Code != codeRejected
}

// end ends a session, which may not want to.
func end(session *mcp.ClientSession) {
	over := make(chan struct{})
	go func() {
		session.Close()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(lastWords):
	}
}

// tools asks for the definitions of all tools, or of the one of that name.
func tools(ctx context.Context, session *mcp.ClientSession, name string) (all []*mcp.Tool, _ error) {
	for tool, err := range session.Tools(ctx, nil) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("the list of tools: %w", err)
		case name == "":
			all = append(all, tool)
		case tool.Name == name:
			return []*mcp.Tool{tool}, nil
		}
		if len(all) == maxTools {
			break
		}
	}
	return all, nil
}

func (f *Flags) list(ctx context.Context, session *mcp.ClientSession, stdout io.Writer) error {
	all, err := tools(ctx, session, "")
	if err != nil {
		return err
	}
	if f.Raw {
		return writeJSON(stdout, all)
	}
	return writeTools(stdout, all)
}

func writeJSON(stdout io.Writer, value any) error {
	encoder := json.NewEncoder(stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
