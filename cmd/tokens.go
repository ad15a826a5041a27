package cmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"weir/codec/option"
	"weir/reactor/auth"
)

// The keys that name a tokens file.
const (
	tokensKey = "auth.tokens_file"
	adminsKey = "admin_tokens_file"
)

// loadTokens reads the tokens file that key names at that place; nil without one, or with mistakes.
func loadTokens(path, key string, at option.Place) (*auth.Tokens, option.Mistakes) {
	if path == "" {
		return nil, nil
	}
	refuse := func(format string, args ...any) (*auth.Tokens, option.Mistakes) {
		return nil, option.Mistakes{{Place: at, Key: key, Text: fmt.Sprintf(format, args...)}}
	}
	path, err := filepath.Abs(path) // an error is to say where it was looked for
	if err != nil {
		return refuse("%v", err)
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

// readBounded reads a file that has at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes, so it is not what it should be", path, most)
	}
	return text, nil
}
