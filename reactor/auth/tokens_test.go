package auth

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNewToken(t *testing.T) {
	token, line, err := NewToken("alice", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := NewToken("alice", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if token == other || len(token) != 43 || line != fmt.Sprintf("alice %x 2030-01-02T03:04:05Z",
		sha256.Sum256([]byte(token))) {
		t.Errorf("%q %q %q", token, line, other)
	}
	tokens, mistakes := ParseTokens([]byte(line))
	if mistakes != nil || tokens.Len() != 1 {
		t.Fatal(mistakes)
	}
	c := tokens.find([]byte(token))
	if c == nil || c.Principal != "alice" || !c.Ended(1_893_553_445) || c.Ended(1_893_553_444) {
		t.Errorf("%+v", c)
	}
	for _, wrong := range []string{other, "", token[1:], token + "x", line,
		fmt.Sprintf("%x", sha256.Sum256([]byte(token)))} {
		if tokens.find([]byte(wrong)) != nil {
			t.Errorf("%q is let in", wrong)
		}
	}
}

// TestTokensOfOtherEditors: a byte order mark and the line ends of other systems are none of the tokens' business.
func TestTokensOfOtherEditors(t *testing.T) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("secret")))
	for _, text := range []string{"\ufeffalice " + digest, "alice " + digest + "\r\n",
		"\ufeff# who\r\n\r\nalice " + digest + " 2030-01-31T00:00:00Z\r\n"} {
		tokens, mistakes := ParseTokens([]byte(text))
		if mistakes != nil || tokens.Len() != 1 || tokens.find([]byte("secret")).Principal != "alice" {
			t.Errorf("%q: %v", text, mistakes)
		}
	}
}

// FuzzParseTokens: whatever the file, there are tokens or mistakes and never both, each mistake has a place in the
// file, and what is let in is what stands there.
func FuzzParseTokens(f *testing.F) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("secret")))
	for _, text := range []string{
		"", "# nobody\n", "alice " + digest, "alice " + digest + " 2030-01-31T00:00:00Z # one\n\nbob " +
			strings.Repeat("0b", 32),
		"alice " + digest + "\nalice " + digest, "uid:0 " + digest, "alice", "alice " + digest +
			" x y", "\x00\xff\r\n", "\ufeffalice " + digest, "a\t" + digest + "\t#",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tokens, mistakes := ParseTokens(text)
		if (tokens == nil) != (len(mistakes) > 0) {
			t.Fatal(tokens, mistakes)
		}
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
		lines := bytes.Split(text, []byte{'\n'})
		for _, m := range mistakes {
			if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len(lines[m.Line-1])+1 || m.Text == "" {
				t.Errorf("%+v", m)
			}
		}
		if tokens == nil {
			return
		}
		entries := 0
		for _, line := range lines {
			line, _, _ = bytes.Cut(bytes.TrimSuffix(line, []byte{'\r'}), []byte{'#'})
			if len(bytes.Trim(line, " \t")) > 0 {
				entries++
			}
		}
		if tokens.Len() != entries {
			t.Errorf("%d tokens of %d entries", tokens.Len(), entries)
		}
		for _, c := range tokens.credentials {
			if !bytes.Contains(text, []byte(c.Principal)) || !bytes.Contains(bytes.ToLower(text),
				fmt.Appendf(nil, "%x", c.digest)) {
				t.Errorf("%+v is not in the file", c)
			}
		}
	})
}
