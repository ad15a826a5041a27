package cmd

import (
	"fmt"
	"io"
	"time"

	"weir/reactor/auth"
)

type tokenFlags struct {
	Principal string        `arg:"" help:"The name of who will have the token: 1 to 64 letters, digits and any of . _ - @ +"`
	For       time.Duration `placeholder:"TIME" help:"How long it is good, such as 720h (default: until its line is removed)."`
}

// Help implements kong.HelpProvider.
func (tokenFlags) Help() string {
	return `Makes a token. Standard output gets the line for auth.tokens_file, which holds the token's SHA-256; standard
error gets the token itself, this once: nothing keeps it. Its holder sends it as "Authorization: Bearer TOKEN", over
HTTP with each request, over TCP and Unix sockets as the first line.

  ${program} token alice >> /etc/${program}/tokens && systemctl kill -s HUP ${program}`
}

// makeToken is the command token.
func (p Program) makeToken(flags *tokenFlags, stdout, stderr io.Writer) int {
	var end time.Time
	if flags.For < 0 {
		fmt.Fprintf(stderr, "%s: --for: %v is negative\n", p.Name, flags.For)
		return exitUsage
	}
	if flags.For > 0 {
		end = time.Now().Add(flags.For)
	}
	token, line, err := auth.NewToken(flags.Principal, end)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return exitUsage
	}
	// The line first: a token that was seen and lets nobody in is worse than the other way round.
	if _, err := fmt.Fprintln(stdout, line); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return exitRuntime
	}
	fmt.Fprintf(stderr, "The token of %s, shown this once:\n%s\n", flags.Principal, token)
	return exitOK
}
