package cmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"

	"weir/codec/option"
)

// makeTokens writes a tokens file for principals, as weir token makes its lines, and returns its path and their tokens.
func makeTokens(t *testing.T, principals ...string) (path string, tokens map[string]string) {
	t.Helper()
	path, tokens = filepath.Join(t.TempDir(), "tokens"), map[string]string{}
	file := ""
	for _, name := range principals {
		var line, shown strings.Builder
		if code := run([]string{"token", name}, &line, &shown); code != exitOK {
			t.Fatal(code, shown.String())
		}
		_, token, _ := strings.Cut(strings.TrimSpace(shown.String()), "\n")
		tokens[name] = token
		file += line.String()
	}
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, tokens
}

// startGuarded is startTest with tokens.
func startGuarded(t *testing.T, path string) *server {
	t.Helper()
	return startTest(t, func(c *Config) {
		c.Server.Auth.TokensFile = path
		tokens, mistakes := loadTokens(path, tokensKey, option.Place{})
		if mistakes != nil {
			t.Fatal(mistakes)
		}
		c.tokens = tokens
	})
}

func TestTokenCommand(t *testing.T) {
	var line, shown strings.Builder
	if code := run([]string{"token", "alice@example.org", "--for", "24h"}, &line, &shown); code != exitOK {
		t.Fatal(code, shown.String())
	}
	fields := strings.Fields(line.String())
	if len(fields) != 3 || fields[0] != "alice@example.org" || len(fields[1]) != 64 {
		t.Fatal(line.String())
	}
	end, err := time.Parse(time.RFC3339, fields[2])
	if left := time.Until(end); err != nil || left < 23*time.Hour || left > 24*time.Hour {
		t.Error(fields[2], err)
	}
	words := strings.Fields(shown.String())
	if token := words[len(words)-1]; len(token) != 43 || strings.Contains(line.String(), token) {
		t.Errorf("token %q, line %q", token, line.String())
	}
	for _, args := range [][]string{{"token"}, {"token", ""}, {"token", "a b"}, {"token", "uid:0"},
		{"token", strings.Repeat("a", 65)}, {"token", "a", "--for", "-1h"}} {
		if code := run(args, io.Discard, io.Discard); code != exitUsage {
			t.Errorf("%q: exit %d", args, code)
		}
	}
}

func TestTokensFileMistakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	f := func(text string, want ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tokens, mistakes := loadTokens(path, tokensKey, option.Place{File: "c.yaml", Line: 1, Column: 2})
		got := strings.ReplaceAll(mistakes.Error(), path, "tokens")
		if got != strings.Join(want, "\n") {
			t.Errorf("file:\n%s\ngot:\n%s\nwant:\n%s", text, got, strings.Join(want, "\n"))
		}
		if (tokens == nil) != (len(want) > 0) {
			t.Errorf("file:\n%s\ntokens: %v", text, tokens)
		}
	}
	digest := strings.Repeat("0a", 32)
	const sum = `want the SHA-256 of the token, 64 hexadecimal digits; "weir token" makes such a line`
	f("")
	f("# nobody\n\n \t\n")
	f("a " + digest)
	f("  a \t" + strings.ToUpper(digest) + "  2030-01-31T00:00:00+02:00 # until then\nb " + strings.Repeat("0b", 32) +
		" # as long as it stands here\n")
	f("a\nb "+digest+"\nc:d "+digest+"\n",
		"tokens:1:2: the SHA-256 of the token is missing",
		"tokens:3:2: a principal is 1 to 64 letters, digits and any of . _ - @ +",
		"tokens:3:5: the same token as in line 2")
	f("a "+digest+"0\na "+digest[1:]+"\na "+digest[2:]+"xx\na secret\na "+digest+digest+"\n",
		"tokens:1:3: "+sum, "tokens:2:3: "+sum, "tokens:3:3: "+sum, "tokens:4:3: "+sum, "tokens:5:3: "+sum)
	f("a e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "tokens:1:3: this is the SHA-256 of nothing")
	f("a "+digest+" 2030\na "+strings.Repeat("0b", 32)+" 1950-01-01T00:00:00Z",
		"tokens:1:68: want the time at which the token ends, such as 2027-01-31T00:00:00Z, or nothing",
		"tokens:2:68: want the time at which the token ends, such as 2027-01-31T00:00:00Z, or nothing")
	f("a "+digest+" 2030-01-31T00:00:00Z b", "tokens:1:89: nothing may follow the end of a token")
	f("ä "+digest+"\r", "tokens:1:1: a principal is 1 to 64 letters, digits and any of . _ - @ +")
	f("ä "+digest+"\r\r\n", "tokens:1:1: a principal is 1 to 64 letters, digits and any of . _ - @ +", "tokens:1:4: "+sum)
	f(strings.Repeat("a", 65)+" "+digest, "tokens:1:65: a principal is 1 to 64 letters, digits and any of . _ - @ +")
	many := &strings.Builder{}
	for i := range 10_001 {
		fmt.Fprintf(many, "a %064x\n", i+1)
	}
	f(many.String(), "tokens:10001:1: more than 10000 tokens")
	f(strings.Repeat("#", 2<<20+1),
		"c.yaml:1:2: auth.tokens_file: tokens is larger than 2097152 bytes, so it is not what it should be")

	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	f("a "+digest, "c.yaml:1:2: auth.tokens_file: everybody on this machine may write tokens, and let themselves in: "+
		"chmod o-w")
	path += "-not"
	if _, mistakes := loadTokens(path, tokensKey, option.Place{}); mistakes == nil {
		t.Error("a file that is not there")
	}
	t.Chdir(filepath.Dir(path))
	if _, mistakes := loadTokens(filepath.Base(path), tokensKey, option.Place{}); !strings.Contains(mistakes.Error(), path) {
		t.Errorf("a relative path: %v does not say where it was looked for", mistakes)
	}
}

// TestServeReloadsTokens: SIGHUP lets in whom the file names now and ends those it does not name; a file with a mistake
// changes nothing.
func TestServeReloadsTokens(t *testing.T) {
	path, tokens := makeTokens(t, "alice", "bob")
	lines, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	alice, bob, _ := bytes.Cut(lines, []byte{'\n'})
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(config, []byte("auth:\n  tokens_file: "+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(alice)
	c := startChild(t, "--config", config)
	in := func(principal string) *bufio.Reader {
		t.Helper()
		conn, err := net.Dial("tcp", c.addresses["tcp"])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "Authorization: Bearer %s\n%s", tokens[principal], fmt.Sprintf(sleepCall, 0))
		answers := bufio.NewReader(conn)
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(line, `"slept"`) {
			return nil
		}
		return answers
	}
	first := in("alice")
	if first == nil || in("bob") != nil {
		t.Fatal("at the start")
	}
	write(append(bob, "mallory\n"...))
	c.Process.Signal(syscall.SIGHUP)
	c.await("tokens not reloaded, the former ones hold on", nil)
	if in("alice") == nil || in("bob") != nil {
		t.Fatal("after a mistake")
	}
	write(bob)
	c.Process.Signal(syscall.SIGHUP)
	c.await("tokens reloaded", nil)
	if in("alice") != nil || in("bob") == nil {
		t.Fatal("after the reload")
	}
	if _, err := first.ReadByte(); !errors.Is(err, io.EOF) {
		t.Error("alice's connection:", err)
	}
	c.Process.Signal(syscall.SIGTERM)
	if code := c.exitCode(); code != exitOK {
		t.Error("exit", code)
	}
}

// TestServeAdminTokens: the admin listener lets in whom its file names now, wherever it listens, and balancers.
func TestServeAdminTokens(t *testing.T) {
	path, tokens := makeTokens(t, "ann")
	config := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(config, []byte("admin_tokens_file: "+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startChild(t, "--config", config)
	client := &http.Client{Transport: bearerTransport{tokens["ann"]}}
	f := func(client *http.Client, path string, status int) {
		t.Helper()
		response, err := client.Get("http://" + c.addresses["admin"] + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, response.Status, status)
		}
	}
	f(http.DefaultClient, "/healthz", 200)
	f(http.DefaultClient, "/readyz", 200)
	f(http.DefaultClient, "/metrics", 401)
	f(client, "/metrics", 200)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Process.Signal(syscall.SIGHUP)
	c.await("tokens reloaded", nil)
	f(client, "/metrics", 401)
	c.Process.Signal(syscall.SIGTERM)
	if code := c.exitCode(); code != exitOK {
		t.Error("exit", code)
	}
}

// TestServeWarnsOfOpenDoors: a server for others that asks nobody says so once; on loopback it has nothing to say.
func TestServeWarnsOfOpenDoors(t *testing.T) {
	path, _ := makeTokens(t)
	f := func(address, tokensFile, want string) {
		t.Helper()
		var log strings.Builder
		s := &server{config: &Config{}, log: &journal{Logger: zerolog.New(&log)},
			addresses: map[string]string{"http": address,
				"tcp": "127.0.0.1:7777", "admin": "0.0.0.0:9090"}}
		s.config.Server.Auth.TokensFile = tokensFile
		s.config.tokens, _ = loadTokens(tokensFile, tokensKey, option.Place{})
		s.warnOfOpenDoors()
		if want == "" && log.Len() > 0 || strings.Count(log.String(), "\n") > 1 || !strings.Contains(log.String(), want) {
			t.Errorf("%s %q: %s", address, tokensFile, &log)
		}
	}
	f("127.0.0.1:80", "", "")
	f("[::1]:80", "", "")
	f("0.0.0.0:80", "", `"listeners":["http 0.0.0.0:80"]`)
	f("[::]:80", "", "auth.tokens_file")
	f("0.0.0.0:80", path, "nobody is let in")
}

// bearerTransport adds a token to each request, as an OAuth client would.
type bearerTransport struct{ token string }

func (b bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// TestInteropTokens: real clients, with the right token and with another one.
func TestInteropTokens(t *testing.T) {
	path, tokens := makeTokens(t, "alice")
	s := startGuarded(t, path)
	endpoint := "http://" + s.addresses["http"] + "/mcp"
	sdk := func(token string) mcp.Transport {
		return &mcp.StreamableClientTransport{Endpoint: endpoint, HTTPClient: &http.Client{Transport: bearerTransport{token}}}
	}
	for _, revision := range mcp.SupportedProtocolVersions() {
		t.Run("go-sdk/"+revision, func(t *testing.T) {
			converse(t, sdk(tokens["alice"]), revision, s.course())
			client := mcp.NewClient(&mcp.Implementation{Name: "weir-interop", Version: "1"}, nil)
			if _, err := client.Connect(t.Context(), sdk("mallory"),
				&mcp.ClientSessionOptions{ProtocolVersion: revision}); err == nil ||
				!strings.Contains(err.Error(), "Unauthorized") {
				t.Errorf("with a token that nobody has: %v", err)
			}
		})
	}
	for _, network := range []string{"tcp", "unix"} {
		t.Run("go-sdk/"+network, func(t *testing.T) {
			transport := dialLines(t, network, s.addresses[network]).(*mcp.IOTransport)
			fmt.Fprintf(transport.Writer, "Authorization: Bearer %s\n", tokens["alice"])
			converse(t, transport, "2025-11-25", s.course())
		})
	}
	t.Run("npm", func(t *testing.T) {
		clients := npmClients(t)
		for _, client := range []string{"sdk-http", "client-legacy", "client-auto", "client-2026-07-28"} {
			if out, log, err := talk(t, clients, client, endpoint, tokens["alice"]); err != nil {
				t.Errorf("%s: %v\n%s%s", client, err, out, log)
			}
			if out, _, err := talk(t, clients, client, endpoint, "mallory"); err == nil {
				t.Errorf("%s got in with a token that nobody has:\n%s", client, out)
			}
		}
	})
}

// TestLoadWithAToken: each transport carries it.
func TestLoadWithAToken(t *testing.T) {
	path, tokens := makeTokens(t, "alice")
	s := startGuarded(t, path)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(tokens["alice"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"http://" + s.addresses["http"] + "/mcp", "ws://" + s.addresses["http"] + "/mcp",
		"tcp://" + s.addresses["tcp"], "unix:" + s.addresses["unix"]} {
		report := filepath.Join(t.TempDir(), "r.json")
		code, stdout, stderr := loadRun("baseline", "--duration", "400ms", "--target", target, "--token-file", file, "--json",
			report, "-q")
		if code > exitMissed || !strings.Contains(stdout, "unexplained 0") || strings.Contains(stdout, "sent 0 ") {
			t.Errorf("%s: exit %d\n%s%s", target, code, stdout, stderr)
		}
		if text, err := os.ReadFile(report); err != nil || bytes.Contains(text, []byte(tokens["alice"])) {
			t.Errorf("%s: the report holds the token, or: %v", target, err)
		}
		if code, _, _ := loadRun("baseline", "--duration", "400ms", "--target", target, "-q"); code != exitNotRun {
			t.Errorf("%s without a token: exit %d", target, code)
		}
	}
	if code, _, stderr := loadRun("baseline", "--token-file", file+"-not", "-q"); code != exitUsage ||
		!strings.Contains(stderr, "--token-file") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
