package top

import (
	"errors"
	"fmt"
	"io"
)

// Flags are those of the command.
type Flags struct {
	Admin     string `placeholder:"URL" default:"http://127.0.0.1:9090" help:"The server's admin listener, host:port or a URL (default: http://127.0.0.1:9090)."`
	TokenFile string `placeholder:"FILE" help:"A file with a token of the server's admin_tokens_file, and nothing else."`
	Once      bool   `help:"Show it once, as plain text, and end."`
}

// Help is what stands below the flags.
func (Flags) Help() string {
	return `Shows what a server does now: calls, latency, refusals, connections, queue, tools, and who is connected; the
same figures as the admin page. Once a second, on a terminal; where standard output is none, as plain text.

Keys: q ends it, s sorts the connections by something else, p stops and goes on, f filters them. A filter is words: a
transport, an address or network, a principal, or a parameter of /connections such as min_bytes=65536 or min_age=10m.

NO_COLOR turns colours off.

Exit codes: 0 ended as asked; 1 the server does not answer, or does not let you in; 2 a flag is wrong.`

}

// Run is the command of a program of that name. It returns the exit code.
func (f *Flags) Run(program string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	err := run(options{program, f.Admin, f.TokenFile, f.Once}, stdin, stdout)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", program, err)
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}
