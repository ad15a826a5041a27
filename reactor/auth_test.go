package reactor

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/registry"
)

// tokenOf is the token of a principal of the tests.
func tokenOf(principal string) string {
	return "token-of-" + principal + "-0123456789abcdefghijklmnopq"
}

// tokensFor lets principals in; the token of late has expired.
func tokensFor(t testing.TB, principals ...string) *auth.Tokens {
	t.Helper()
	text := ""
	for _, name := range principals {
		text += fmt.Sprintf("%s %x", name, sha256.Sum256([]byte(tokenOf(name))))
		if name == "late" {
			text += " 2020-01-01T00:00:00Z"
		}
		text += "\n"
	}
	tokens, mistakes := auth.ParseTokens([]byte(text))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	return tokens
}

// guarded has a server ask for tokens.
func guarded(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Auth.TokensFile = "tokens" }

// bearing is the header that says who sends.
func bearing(principal string) string { return "Authorization: Bearer " + tokenOf(principal) }

// refusedTokens reads the metric of a refusal.
func (s *server) refusedTokens(r auth.Refusal) string {
	return s.metric(`weir_tokens_refused_total{reason="` + r.String() + `"}`)
}

func TestHTTPAsksForAToken(t *testing.T) {
	s := start(t, guarded)
	p := s.dial("http")
	f := func(authorization, challenge, reason string) {
		t.Helper()
		var headers []string
		if authorization != "" {
			headers = append(headers, authorization)
		}
		p.send(postDiscover(headers...))
		r, body := p.response()
		if challenge == "" {
			if r.StatusCode != 200 {
				t.Errorf("%.60q: %d %s", authorization, r.StatusCode, body)
			}
			return
		}
		if got := r.Header["Www-Authenticate"]; r.StatusCode != 401 || len(got) != 1 || got[0] != challenge {
			t.Errorf("%.60q: %d %q", authorization, r.StatusCode, got)
		}
		contains(t, body, `"id":null`, `"code":-32600`, `"data":{"reason":"`+reason+`"}`)
		if strings.Contains(body, tokenOf("alice")) {
			t.Error("a token in an answer")
		}
	}
	none, bad := `Bearer realm="weir"`, `Bearer realm="weir", error="invalid_token"`
	f("", none, "token_missing")
	f("Authorization:", none, "token_missing")
	f("Authorization: Bearer", none, "token_missing")
	f("Authorization: Basic YWxpY2U6c2VjcmV0", none, "token_missing")
	f("Authorization: "+tokenOf("alice"), none, "token_missing")
	f("Authorization: Bearer"+tokenOf("alice"), none, "token_missing")
	f("Authorization: Bearer mallory", bad, "token_unknown")
	f("Authorization: Bearer "+tokenOf("alice")+"x", bad, "token_unknown")
	f("Authorization: Bearer "+tokenOf("alice")+","+tokenOf("bob"), bad, "token_unknown")
	f("Authorization: Bearer "+tokenOf("alice")+" "+tokenOf("alice"), bad, "token_unknown")
	f("Authorization: Bearer "+strings.Repeat("a", auth.MaxFieldBytes+1), bad, "token_unknown")
	f("Authorization: Bearer "+fmt.Sprintf("%x", sha256.Sum256([]byte(tokenOf("alice")))), bad, "token_unknown")
	f("Authorization: Bearer "+tokenOf("late"), bad, "token_expired")
	f(bearing("alice"), "", "")
	f("authorization: bearer  "+tokenOf("bob"), "", "")
	f("", none, "token_missing") // what was said before counts for nothing
	if got := s.refusedTokens(auth.Missing) + s.refusedTokens(auth.Unknown) + s.refusedTokens(auth.Expired); got != "761" {
		t.Error("refusals counted:", got)
	}

	// Never in the URL.
	p.send(strings.Replace(postDiscover(), "/mcp", "/mcp?access_token="+tokenOf("alice"), 1))
	if r, _ := p.response(); r.StatusCode != 401 {
		t.Error("a token in the URL:", r.StatusCode)
	}
	// Every method but that of a preflight, and nothing before Host and path.
	for request, want := range map[string]int{"GET /mcp": 401, "DELETE /mcp": 401, "HEAD /mcp": 401, "PUT /mcp": 401,
		"OPTIONS /mcp": 204, "GET /other": 404} {
		p := s.dial("http")
		p.send(request + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n")
		if status := p.line(); !strings.Contains(status, fmt.Sprint(want)) {
			t.Errorf("%s: %s", request, status)
		}
	}
}

// A body that nobody may send is not waited for.
func TestHTTPTokenIsJudgedAtTheHead(t *testing.T) {
	s := start(t, guarded)
	p := s.dial("http")
	p.send("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
	r, body := p.response()
	contains(t, body, "token_missing")
	if r.StatusCode != 401 || !r.Close {
		t.Errorf("%d, close %v", r.StatusCode, r.Close)
	}
	p.Close()
	s.closedFor(loop.CloseUnauthorized, "1")
}

func TestWebSocketAsksForAToken(t *testing.T) {
	s := start(t, guarded)
	upgrade := func(header string) (int, *peer) {
		p := s.dial("http")
		p.send(strings.Replace(upgradeRequest, "\r\n\r\n", "\r\n"+header+"\r\n", 1))
		r, err := http.ReadResponse(p.r, nil)
		must(t, err)
		return r.StatusCode, p
	}
	for _, header := range []string{"", bearing("mallory") + "\r\n", bearing("late") + "\r\n"} {
		if status, _ := upgrade(header); status != 401 {
			t.Errorf("%q: %d", header, status)
		}
	}
	status, p := upgrade(bearing("alice") + "\r\n")
	if status != 101 {
		t.Fatal(status)
	}
	p.text(hello)
	contains(t, string(p.received().Payload), `"protocolVersion"`)
	s.ReplaceTokens(tokensFor(t, "bob"))
	p.gone()
	s.closedFor(loop.CloseTokenEnded, "1")
}

func TestLineAsksForAToken(t *testing.T) {
	s := start(t, guarded, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Unix = t.TempDir() + "/s"
		o.Auth.Timeout = time.Minute
	})
	n := 0
	refused := func(first, reason string) {
		t.Helper()
		p := s.dial("tcp")
		p.send(first)
		if !strings.HasSuffix(first, "\n") {
			p.closeWrite()
		}
		lines := strings.Split(p.rest(), "\n")
		if len(lines) != 2 {
			t.Errorf("%.60q: %q", first, lines)
		}
		contains(t, lines[0], `"id":null`, `"code":-32600`, `"reason":"`+reason+`"`)
		p.Close()
		n++
		s.closedFor(loop.CloseUnauthorized, fmt.Sprint(n))
	}
	call := hello + "\n" + toolCall("1", "echo", `{"message":"x"}`)
	marked := s.dial("tcp")
	marked.send(" \n\ufeff" + bearing("alice") + "\n" + call)
	contains(t, marked.line()+marked.line(), `"serverInfo"`, `"id":1,"result"`)
	marked.Close()
	refused(call, "token_missing")
	refused("\n\r\n"+call+bearing("alice")+"\n", "token_missing")
	refused("Bearer "+tokenOf("alice")+"\n"+call, "token_missing")
	refused("Authorization:\n"+call, "token_missing")
	refused("Authorization: Basic YWxpY2U6c2VjcmV0\n"+call, "token_missing")
	refused(bearing("mallory")+"\n"+call, "token_unknown")
	refused(bearing("late")+"\n"+call, "token_expired")
	refused(bearing("mallory"), "token_unknown")
	refused(strings.Repeat("x", 2*auth.MaxFieldBytes)+"\n"+call, "token_missing")
	refused("Authorization: Bearer "+strings.Repeat("x", 2*auth.MaxFieldBytes), "token_unknown")
	refused(strings.Repeat("{", 2*auth.MaxFieldBytes)+"\n"+call, "token_missing")
	for _, network := range []string{"tcp", "unix"} {
		for _, first := range []string{bearing("alice") + "\n", "\n\r\nAUTHORIZATION:bearer \t" + tokenOf("bob") + "\r\n"} {
			first = strings.Replace(first, " \t", " ", 1)
			p := s.dial(network)
			p.send(first[:9])
			p.send(first[9:] + call)
			contains(t, p.line(), `"protocolVersion"`)
			contains(t, p.line(), `"id":1`, `"text":"x"`)
			// Once is enough, and a second time is not a message.
			p.send(first)
			contains(t, p.line(), `-32700`)
		}
	}
}

// The first line may come in any two pieces, and with what follows it.
func TestLineTokenCutAnywhere(t *testing.T) {
	s := start(t, guarded)
	first := "\r\n" + bearing("alice") + "\r\n"
	for at := 1; at < len(first); at++ {
		p := s.dial("tcp")
		before := s.metric("weir_reads_total")
		p.send(first[:at])
		s.eventually("the first piece is read", func() bool { return s.metric("weir_reads_total") != before })
		p.send(first[at:] + hello + "\n")
		contains(t, p.line(), `"protocolVersion"`)
		p.Close()
	}
}

// Silence and a first line that never ends are the same.
func TestLineAuthTimeout(t *testing.T) {
	s := start(t, guarded, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Auth.Timeout = 300 * time.Millisecond
	})
	late := 0
	quick := s.dial("tcp")
	for said := ""; said == ""; { // who was not quick enough on a busy machine comes again
		_, _ = io.WriteString(quick.Conn, bearing("alice")+"\n"+pingLine)
		if said, _ = quick.r.ReadString('\n'); said == "" {
			late++
			quick = s.dial("tcp")
		}
	}
	silent, slow := s.dial("tcp"), s.dial("tcp")
	_, _ = io.WriteString(slow.Conn, "Authorization: Bea")
	silent.gone()
	slow.gone()
	s.closedFor(loop.CloseAuthTimeout, fmt.Sprint(late+2))
	quick.greet()
}

// With trust_unix the kernel says who is at the other end of a Unix socket; over TCP a token still must.
func TestUnixIsTrusted(t *testing.T) {
	s := start(t, guarded, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Unix, o.Auth.TrustUnix = t.TempDir()+"/s", true
	})
	s.dial("unix").greet()
	p := s.dial("tcp")
	p.send(hello + "\n")
	contains(t, p.rest(), "token_missing")
}

// A session, and its stream, are its principal's.
func TestSessionOfAnotherPrincipal(t *testing.T) {
	s := start(t, guarded)
	open := func(p *peer, headers ...string) (int, string) {
		p.t.Helper()
		p.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + strings.Join(headers, "\r\n") +
			"\r\n\r\n")
		r, err := http.ReadResponse(p.r, nil)
		must(t, err)
		return r.StatusCode, r.Header.Get("Content-Type")
	}
	alice := s.dial("http")
	alice.send(post(hello, bearing("alice")))
	r, _ := alice.response()
	session := "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	f := func(principal, session string, want int) {
		t.Helper()
		p := s.dial("http")
		p.send(post(ping, bearing(principal), session))
		if r, _ := p.response(); r.StatusCode != want {
			t.Errorf("%s: ping %d, want %d", principal, r.StatusCode, want)
		}
		p.send(post("["+ping+"]", bearing(principal), session))
		if r, _ := p.response(); r.StatusCode != 400 { // there are none in its revision; who asks must not learn more
			t.Errorf("%s: batch %d", principal, r.StatusCode)
		}
	}
	f("alice", session, 200)
	f("bob", session, 404)
	f("bob", "Mcp-Session-Id: NEVERWASNEVERWASNEVERWASNE", 404)
	bob := s.dial("http")
	for _, last := range [][]string{nil, {"Last-Event-ID: 0-1"}} {
		if status, _ := open(s.dial("http"), append(last, bearing("bob"), session)...); status != 404 {
			t.Error("bob opens alice's stream:", status)
		}
	}
	bob.send("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n" + bearing("bob") + "\r\n" + session + "\r\n\r\n")
	if r, _ := bob.response(); r.StatusCode != 404 {
		t.Error("bob ends alice's session:", r.StatusCode)
	}
	stream := s.dial("http")
	if status, kind := open(stream, bearing("alice"), session); status != 200 || kind != "text/event-stream" {
		t.Fatal("alice opens her stream:", status, kind)
	}
	// The stream ends with the token, bob's connection does not.
	s.ReplaceTokens(tokensFor(t, "bob"))
	stream.gone()
	bob.send(postDiscover(bearing("alice")))
	if r, _ := bob.response(); r.StatusCode != 401 {
		t.Error("a token that was taken away:", r.StatusCode)
	}
	bob.send(postDiscover(bearing("bob")))
	if r, _ := bob.response(); r.StatusCode != 200 {
		t.Error("a token that stayed:", r.StatusCode)
	}
}

// Two principals may share a connection, as behind a proxy, one after the other but not at once.
func TestTokensOnOneConnection(t *testing.T) {
	s := start(t, guarded)
	p := s.dial("http")
	for _, principal := range []string{"alice", "bob", "alice", "bob"} {
		p.send(strings.Replace(modernCall("1", "echo", `{"message":"x"}`), "\r\n", "\r\n"+bearing(principal)+"\r\n", 1))
		if r, body := p.response(); r.StatusCode != 200 {
			t.Fatal(r.StatusCode, body)
		}
	}
	stuck := strings.Replace(modernCall("1", "stuck", `{}`), "\r\n", "\r\n"+bearing("alice")+"\r\n", 1)
	p.send(stuck + postDiscover(bearing("bob")) + postDiscover(bearing("alice")))
	s.awaitStuck()
	s.free()
	for _, want := range []int{200, 400, 200} {
		r, body := p.response()
		if r.StatusCode != want {
			t.Errorf("%d, want %d: %s", r.StatusCode, want, body)
		}
		if want == 400 {
			contains(t, body, `"reason":"token_changed"`)
		}
	}
	if got := s.refusedTokens(auth.Changed); got != "1" {
		t.Error("counted", got)
	}
}

// One principal has so many connections, whatever they speak; the next one is told, and others have theirs.
func TestPrincipalLimit(t *testing.T) {
	s := start(t, guarded, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.Unix, o.Auth.TrustUnix, b.MaxConnectionsPerPrincipal = t.TempDir()+"/s", true, 2
	})
	line := func(principal string) *peer {
		p := s.dial("tcp")
		p.send(bearing(principal) + "\n")
		return p
	}
	first := line("alice").greet()
	web := s.dial("http")
	web.send(postDiscover(bearing("alice")))
	if r, _ := web.response(); r.StatusCode != 200 {
		t.Fatal(r.StatusCode)
	}
	contains(t, line("alice").rest(), `"id":null`, `"reason":"connection_limit_per_principal"`, `"retryAfterMs":`,
		`"executed":false`)
	other := s.dial("http")
	other.send(postDiscover(bearing("alice")))
	r, body := other.response()
	contains(t, body, `"reason":"connection_limit_per_principal"`)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Error(r.StatusCode, r.Header)
	}
	other.send(postDiscover(bearing("bob"))) // the same connection, somebody else
	if r, _ := other.response(); r.StatusCode != 200 {
		t.Error(r.StatusCode)
	}
	web.send(postDiscover(bearing("bob"))) // which makes it bob's, and room for alice
	if r, _ := web.response(); r.StatusCode != 200 {
		t.Error(r.StatusCode)
	}
	line("alice").greet()
	contains(t, line("bob").rest(), "connection_limit_per_principal")
	first.Close()
	s.eventually("a place of alice is free", func() bool { return s.limits.Join("alice") == backpressure.Accepted })
	s.limits.Leave("alice")
	line("alice").greet()

	s.dial("unix").greet()
	s.dial("unix").greet()
	contains(t, s.dial("unix").rest(), "connection_limit_per_principal")
	if got := s.metric(`weir_refusals_total{reason="connection_limit_per_principal"}`); got != "4" {
		t.Error("counted", got)
	}
}

// What replaces the tokens keeps who stays, and ends who goes, comes back as somebody else, or expires.
func TestReplaceTokens(t *testing.T) {
	s := start(t, guarded)
	alice, bob := s.dial("tcp"), s.dial("tcp")
	alice.send(bearing("alice") + "\n")
	bob.send(bearing("bob") + "\n")
	alice.greet()
	bob.greet()
	s.ReplaceTokens(tokensFor(t, "carol", "alice"))
	bob.gone()
	alice.send(toolCall("1", "echo", `{"message":"still here"}`))
	contains(t, alice.line(), "still here")
	renamed, mistakes := auth.ParseTokens(fmt.Appendf(nil, "eve %x", sha256.Sum256([]byte(tokenOf("alice")))))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	s.ReplaceTokens(renamed)
	alice.gone()
	eve := s.dial("tcp")
	eve.send(bearing("alice") + "\n")
	eve.greet()
	ended, mistakes := auth.ParseTokens(fmt.Appendf(nil, "eve %x 2020-01-01T00:00:00Z",
		sha256.Sum256([]byte(tokenOf("alice")))))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	s.ReplaceTokens(ended)
	eve.gone()
	s.closedFor(loop.CloseTokenEnded, "3")
	if got := s.metric("weir_tokens"); got != "1" {
		t.Error("weir_tokens", got)
	}
}

// The metadata document is for everybody, and a 401 says where it is.
func TestProtectedResourceMetadata(t *testing.T) {
	s := start(t, guarded, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Auth.Resource, o.Auth.AuthorizationServers = "https://mcp.example.com/mcp", []string{"https://login.example.com"}
	})
	const document = `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://login.example.com"],"bearer_methods_supported":["header"]}`
	p := s.dial("http")
	f := func(request string, status int, want string) *http.Response {
		t.Helper()
		p.send(request + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		r, body := p.response()
		if r.StatusCode != status || want != "" && body != want {
			t.Errorf("%s: %d %s", request, r.StatusCode, body)
		}
		return r
	}
	f("GET /.well-known/oauth-protected-resource/mcp", 200, document)
	f("GET /.well-known/oauth-protected-resource", 200, document)
	f("OPTIONS /.well-known/oauth-protected-resource", 204, "")
	f("DELETE /.well-known/oauth-protected-resource", 405, "")
	f("GET /.well-known/oauth-protected-resource/other", 404, "")
	f("GET /.well-known/oauth-authorization-server", 404, "")
	want := `Bearer realm="weir", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"`
	if got := f("DELETE /mcp", 401, "").Header.Get("WWW-Authenticate"); got != want {
		t.Error(got)
	}
	s.stop(0)
	p = start(t, guarded).dial("http")
	f("GET /.well-known/oauth-protected-resource", 404, "")
}

func TestAuthOptions(t *testing.T) {
	f := func(change func(*AuthOptions), want string) {
		t.Helper()
		o := DefaultOptions()
		change(&o.Auth)
		errs := o.Validate()
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%v, want %s", errs, want)
		}
	}
	f(func(o *AuthOptions) { o.Timeout = 0 }, "auth.timeout: 0s is below 100ms: allowed is 100ms to 1m")
	f(func(o *AuthOptions) { o.Timeout = time.Hour }, "auth.timeout: 1h is above 1m: allowed is 100ms to 1m")
	f(func(o *AuthOptions) { o.Resource = "https://x/mcp" }, "auth.resource: not set together")
	f(func(o *AuthOptions) { o.AuthorizationServers = []string{"https://x"} }, "auth.resource: not set together")
	f(func(o *AuthOptions) { o.Resource, o.AuthorizationServers = "x/mcp", []string{"https://x"} },
		"auth.resource: \"x/mcp\"")
	f(func(o *AuthOptions) { o.Resource, o.AuthorizationServers = "https://x/\"", []string{"https://x"} },
		"auth.resource: \"https://x/")
	f(func(o *AuthOptions) { o.Resource, o.AuthorizationServers = "https://x", []string{"ftp://x"} },
		"auth.authorization_servers: \"ftp://x\"")
}

// A server whose tokens were not read serves nobody, instead of everybody.
func TestTokensFileNeedsTokens(t *testing.T) {
	o := DefaultOptions()
	o.Auth.TokensFile = "/etc/weir/tokens"
	if _, err := New(nil, Config{Options: &o}); err == nil || !strings.Contains(err.Error(), "auth.tokens_file") {
		t.Error(err)
	}
}
