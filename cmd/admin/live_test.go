package admin

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"weir/reactor/auth"
)

// TestTokenRules is who may do what, on loopback and beyond, with each method, from each kind of page.
func TestTokenRules(t *testing.T) {
	token, line, err := auth.NewToken("ann", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	tokens, mistakes := auth.ParseTokens([]byte(line + "\n"))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	open, guarded := testSource(""), testSource("")
	guarded.Admins = func() *auth.Tokens { return tokens }
	by := ""
	guarded.Kick = func(_, principal string) error { by = principal; return nil }
	const loopback, beyond = "127.0.0.1:9090", "10.0.0.7:9090"
	good, bad := "Bearer "+token, "Bearer "+token+"x"
	f := func(source Source, host, method, path, sent string, status int, fields ...string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://"+host+path, nil)
		if sent != "" {
			r.Header.Set("Authorization", sent)
		}
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		w := httptest.NewRecorder()
		handler(source, nil).ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s %s%s, token %.12q, %q: got %d %s, want %d", method, host, path, sent, fields, w.Code, w.Body, status)
		}
	}
	reads := []string{"/", "/live", "/connections", "/status", "/alerts", "/metrics", "/debug/pprof/"}
	const site, origin = "Sec-Fetch-Site", "Origin"
	for _, path := range reads {
		f(open, loopback, "GET", path, "", 200)
		for _, host := range []string{loopback, beyond} {
			f(guarded, host, "GET", path, "", 401)
			f(guarded, host, "GET", path, bad, 401)
			f(guarded, host, "GET", path, good, 200)
			f(guarded, host, "HEAD", path, "", 401)
			f(guarded, host, "HEAD", path, good, 200)
			f(guarded, host, "OPTIONS", path, "", 401)
		}
		f(open, loopback, "GET", path, "", 403, site, "cross-site")
		f(guarded, beyond, "GET", path, good, 403, site, "cross-site")
		f(open, loopback, "GET", path, "", 200, site, "none")
		f(open, loopback, "DELETE", path, "", 405)
		f(open, loopback, "POST", path, "", 405)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		f(guarded, beyond, "GET", path, "", 200)
		f(guarded, beyond, "GET", path, bad, 200)
		f(open, loopback, "GET", path, "", 200)
	}
	for _, host := range []string{loopback, beyond} {
		const kick = "/kick?id=1"
		f(open, host, "POST", kick, "", 403) // without a tokens file nobody has a name
		f(open, host, "POST", kick, good, 403)
		f(guarded, host, "POST", kick, "", 401)
		f(guarded, host, "POST", kick, bad, 401)
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH"} {
			f(guarded, host, method, kick, good, 405)
		}
		if by != "" {
			t.Fatalf("%s was let kick", by)
		}
		f(guarded, host, "POST", kick, good, 403, site, "cross-site", origin, "http://evil.example")
		f(guarded, host, "POST", kick, good, 403, site, "same-site", origin, "http://"+host)
		f(guarded, host, "POST", kick, good, 403, site, "none")
		f(guarded, host, "POST", kick, good, 403, origin, "http://evil.example")
		f(guarded, host, "POST", kick, good, 403, origin, "http://localhost:9090")
		f(guarded, host, "POST", kick, good, 403, origin, "http://"+strings.Split(host, ":")[0]+":8080") // another port
		f(guarded, host, "POST", kick, good, 403, origin, "null")
		if by != "" {
			t.Fatalf("a page of another origin was let kick")
		}
		f(guarded, host, "POST", kick, good, 200, site, "same-origin", origin, "http://"+host)
		f(guarded, host, "POST", kick, good, 200, origin, "https://"+host) // a proxy ended TLS
		f(guarded, host, "POST", kick, good, 200)                          // no browser
		if by != "ann" {
			t.Errorf("by %q", by)
		}
		by = ""
	}
	gone := testSource("")
	gone.Admins = guarded.Admins
	f(gone, loopback, "POST", "/kick?id=none", good, 404)
}

// TestPageForBrowsers: an address line gets the page, which asks for a token where one is wanted and has nothing of the
// server in it.
func TestPageForBrowsers(t *testing.T) {
	guarded := testSource("")
	guarded.Admins = func() *auth.Tokens { return &auth.Tokens{} }
	for _, c := range []struct {
		source Source
		status int
	}{{testSource(""), 200}, {guarded, 401}} {
		r := httptest.NewRequest("GET", "http://127.0.0.1:9090/", nil)
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		w := httptest.NewRecorder()
		handler(c.source, nil).ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != pageText ||
			!strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
			!strings.Contains(policy, "script-src 'sha256-") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Error(policy)
		}
	}
	// Another path without a token is refused in JSON, whatever it accepts.
	r := httptest.NewRequest("GET", "http://127.0.0.1:9090/live", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	handler(guarded, nil).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "token_missing") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestPageIsSelfContained: it names no other host, and its own style and script are what the policy allows.
func TestPageIsSelfContained(t *testing.T) {
	for _, found := range regexp.MustCompile(`(?i)(https?:)?//[a-z0-9][a-z0-9.-]*`).FindAllString(pageText, -1) {
		if found != "http://www.w3.org" { // the name of SVG's namespace: nothing is fetched there
			t.Errorf("the page names %s", found)
		}
	}
	for _, tag := range []string{"script", "style"} {
		_, rest, _ := strings.Cut(pageText, "<"+tag+">")
		text, _, closed := strings.Cut(rest, "</"+tag+">")
		if !closed || !strings.Contains(pagePolicy, hashOf(text)) || strings.Count(pageText, "<"+tag) != 1 {
			t.Errorf("the %s of the page is not the one that the policy allows", tag)
		}
	}
	if regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|innerHTML|eval\(`).MatchString(pageText) {
		t.Error("the page has what its policy forbids")
	}
}
