package admin

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

// The page is one document: style and script stand in it, so that it can be the answer to a request without a token,
// and the policy names their hashes, so that nothing else runs.

//go:embed page/page.html
var pageFrame string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

var (
	pageText   = strings.NewReplacer("/*style*/", pageStyle, "/*script*/", pageScript).Replace(pageFrame)
	pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; style-src " + hashOf(pageStyle) +
		"; script-src " + hashOf(pageScript) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'"
)

// hashOf is the source expression of CSP 3 for inline text.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// wantsPage says whether a request comes from a browser's address line.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

func writePage(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(pageText)) // a reader that went away is its own loss
}
