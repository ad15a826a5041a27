package auth

import (
	"encoding/json"
	"net/url"
	"strings"
)

// The metadata of a protected resource (RFC 9728) says which authorization servers issue the tokens that are good here,
// so that a client which was refused can find where to get one (MCP 2025-06-18 and later, basic/authorization).

const wellKnown = "/.well-known/oauth-protected-resource"

// Resource is the protected resource, as those are told who come without a good token. The zero value tells them
// nothing of it.
type Resource struct {
	path          string
	document      []byte
	bare, invalid string // challenges: without a token, and with a bad one
}

// NewResource describes the endpoint served at path. url is the URL by which clients know it, valid, or "" when no
// document is served; servers are the URLs of the issuers of its tokens.
func NewResource(path, url string, servers []string) Resource {
	// RFC 6750 3 wants no error without a token, and a parameter in each challenge.
	r := Resource{path: path, bare: `Bearer realm="weir"`}
	r.invalid = r.bare + `, error="invalid_token"`
	if url == "" {
		return r
	}
	where := `, resource_metadata="` + metadataURL(url) + `"` // RFC 9728 5.1
	r.bare += where
	r.invalid += where
	document, err := json.Marshal(struct {
		Resource             string   `json:"resource"`
		AuthorizationServers []string `json:"authorization_servers"`
		Methods              []string `json:"bearer_methods_supported"`
	}{url, servers, []string{"header"}})
	if err != nil {
		panic(err) // strings
	}
	r.document = document
	return r
}

// metadataURL is where the document of the resource is (RFC 9728 3.1): the well-known path goes between host and path.
func metadataURL(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		panic("auth: the resource passed the rules and is no URL: " + resource)
	}
	return u.Scheme + "://" + u.Host + wellKnown + strings.TrimSuffix(u.EscapedPath(), "/")
}

// Challenge is what a 401 says in WWW-Authenticate; badToken says that a token was sent.
func (r *Resource) Challenge(badToken bool) string {
	if badToken {
		return r.invalid
	}
	return r.bare
}

// Metadata is the document, as JSON. It must not be changed.
func (r *Resource) Metadata() []byte { return r.document }

// IsMetadata says whether the document is served at path: that of the endpoint's own URL, or the root's, where clients
// look second (MCP 2025-11-25, basic/authorization).
func (r *Resource) IsMetadata(path []byte) bool {
	if r.document == nil || len(path) < len(wellKnown) || string(path[:len(wellKnown)]) != wellKnown {
		return false
	}
	rest := path[len(wellKnown):]
	if n := len(rest); n > 0 && rest[n-1] == '/' { // as at the endpoint itself
		rest = rest[:n-1]
	}
	return len(rest) == 0 || string(rest) == strings.TrimSuffix(r.path, "/")
}
