package token

import (
	"fmt"
	"io"
	"time"

	"weir/reactor/auth"
)

// Flags are those of the command.
type Flags struct {
	Principal string        `arg:"" help:"The name of who will have the token: 1 to 64 letters, digits and any of . _ - @ +"`
	For       time.Duration `placeholder:"TIME" help:"How long it is good, such as 720h (default: until its line is removed)."`
}

// Help is what stands below the f.
func (Flags) Help() string {
	return `Makes a token. Standard output gets the line for auth.tokens_file, which holds the token's SHA-256; standard
error gets the token itself, this once: nothing keeps it. Its holder sends it as "Authorization: Bearer TOKEN", over
HTTP with each request, over TCP and Unix sockets as the first line.

  ${program} token alice >> /etc/${program}/tokens && systemctl kill -s HUP ${program}`
}

// Run is the command of a program of that name. It returns the exit code: 2 where a flag is wrong, 1 where the line
// cannot be written.
func (f *Flags) Run(program string, stdout, stderr io.Writer) int {
	var end time.Time
	if f.For < 0 {
		fmt.Fprintf(stderr, "%s: --for: %v is negative\n", program, f.For)
		return 2
	}
	if f.For > 0 {
		end = time.Now().Add(f.For)
	}
	token, line, err := auth.NewToken(f.Principal, end)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return 2
	}
	// The line first: a token that was seen and lets nobody in is worse than the other way round.
	if _, err := fmt.Fprintln(stdout, line); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return 1
	}
	fmt.Fprintf(stderr, "The token of %s, shown this once:\n%s\n", f.Principal, token)
	return 0
}
