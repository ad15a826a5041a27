package remote

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir/codec/option"
)

// reserved are headers that every request has of its own.
var reserved = []string{"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Host", "Last-Event-Id", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// Check finds what is wrong with what is said of a server, by the keys of a mount's options; to "" is none.
func Check(found *option.Mistakes, to string, headers map[string]string, tokenFile string) {
	if to == "" {
		return
	}
	at, err := url.Parse(to)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.User != nil ||
		at.Fragment != "" {
		found.Add("url", "%s is not the address of a server: allowed is http://HOST/PATH or https://HOST/PATH; who it is "+
			"let in as is said in headers or token_file", option.Quote(to))
	}
	for name, value := range headers {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isToken(name) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			found.Add("headers", "%s is not a header: allowed is a name of letters, digits and -, and a value in one line",
				option.Quote(name))
		case slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Mcp-"):
			found.Add("headers", "%s is said by this program itself: allowed is to leave it out", option.Quote(name))
		case canonical == "Authorization" && tokenFile != "":
			found.Add("headers", "Authorization is said by token_file too: allowed is one of both")
		}
	}
}

// isToken says whether name is one of a header (RFC 9110, 5.6.2), of the characters that people use.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}
