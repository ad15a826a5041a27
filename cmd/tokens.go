package cmd

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"weir/codec/option"
	"weir/reactor/auth"
)

// loadTokens reads the tokens file of a configuration, which was named at that place; nil without one, or with
// mistakes.
func loadTokens(path string, at option.Place) (*auth.Tokens, option.Mistakes) {
	if path == "" {
		return nil, nil
	}
	refuse := func(format string, args ...any) (*auth.Tokens, option.Mistakes) {
		return nil, option.Mistakes{{Place: at, Key: "auth.tokens_file", Text: fmt.Sprintf(format, args...)}}
	}
	text, err := readBounded(path, auth.MaxTokensFileBytes)
	if err != nil {
		return refuse("%v", err)
	}
	if info, err := os.Stat(path); err != nil {
		return refuse("%v", err)
	} else if info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0 {
		return refuse("everybody on this machine may write %s, and let themselves in: chmod o-w", path)
	}
	tokens, mistakes := auth.ParseTokens(text)
	for _, m := range mistakes {
		m.File = path
	}
	return tokens, mistakes
}

// reloadTokens reads the tokens file again. A file with mistakes changes nothing: who was let in still is.
func (s *server) reloadTokens() {
	tokens, mistakes := loadTokens(s.config.Server.Auth.TokensFile, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("tokens not reloaded, the former ones hold on")
		return
	}
	n := tokens.Len()
	s.reactor.ReplaceTokens(tokens)
	s.log.Info().Int("tokens", n).Msg("tokens reloaded")
}

// warnOfOpenDoors says once, at the start, who can come in: anybody who reaches a listener beyond loopback, or nobody.
func (s *server) warnOfOpenDoors() {
	if s.config.tokens != nil {
		if s.config.tokens.Len() == 0 {
			s.log.Warn().Str("tokens_file", s.config.Server.Auth.TokensFile).Msg("the tokens file is empty: nobody is let in")
		}
		return
	}
	var open []string
	for _, name := range slices.Sorted(maps.Keys(s.addresses)) {
		if (name == "http" || name == "tcp") && !auth.IsLoopbackAddress(s.addresses[name]) {
			open = append(open, name+" "+s.addresses[name])
		}
	}
	if len(open) > 0 {
		s.log.Warn().Strs("listeners", open).
			Msg("anybody who reaches these listeners is served: set auth.tokens_file (the command token makes its lines), or listen on loopback behind a proxy that asks")
	}
}

type tokenFlags struct {
	Principal string        `arg:"" help:"The name of who will have the token: 1 to 64 letters, digits and any of . _ - @ +"`
	For       time.Duration `placeholder:"TIME" help:"How long it is good, such as 720h (default: until its line is removed)."`
}

// Help implements kong.HelpProvider.
func (tokenFlags) Help() string {
	return `Makes a token. Standard output gets the line for auth.tokens_file, which holds the token's SHA-256; standard error gets the token
itself, this once: nothing keeps it. Its holder sends it as "Authorization: Bearer TOKEN", over HTTP with each request, over TCP and
Unix sockets as the first line.

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
