package reactor

import (
	"encoding/json"
	"net/url"
	"strings"

	"weir/codec/option"
)

// The metadata of a protected resource (RFC 9728) says which authorization servers issue the tokens that are good here, so
// that a client which was refused can find where to get one (MCP 2025-06-18 and later, basic/authorization).

const wellKnown = "/.well-known/oauth-protected-resource"

// metadataURL is where the document of the resource is (RFC 9728 3.1): the well-known path goes between host and path.
func (o *AuthOptions) metadataURL() string {
	u, err := url.Parse(o.Resource)
	if err != nil {
		panic("reactor: auth.resource passed the rules and is no URL: " + o.Resource)
	}
	return u.Scheme + "://" + u.Host + wellKnown + strings.TrimSuffix(u.EscapedPath(), "/")
}

// newMetadata makes the document; nil when none is to be served.
func newMetadata(o *AuthOptions) []byte {
	if o.Resource == "" {
		return nil
	}
	document, err := json.Marshal(struct {
		Resource             string   `json:"resource"`
		AuthorizationServers []string `json:"authorization_servers"`
		Methods              []string `json:"bearer_methods_supported"`
	}{o.Resource, o.AuthorizationServers, []string{"header"}})
	if err != nil {
		panic(err) // strings
	}
	return document
}

// isMetadata says whether the document is served at path: that of the endpoint's own URL, or the root's, where clients look
// second (MCP 2025-11-25, basic/authorization).
func (s *Server) isMetadata(path []byte) bool {
	if s.metadata == nil || len(path) < len(wellKnown) || string(path[:len(wellKnown)]) != wellKnown {
		return false
	}
	rest := path[len(wellKnown):]
	return len(rest) == 0 || string(rest) == s.opts.HTTPPath
}

// checkURLs: both or neither, each with scheme and host, and without what would end a quoted string.
func (o *AuthOptions) checkURLs(found *option.Mistakes) {
	check := func(key, value string) {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" ||
			strings.ContainsAny(value, "\"\\ ") {
			found.Add(key, "%q is not such a URL: allowed is one of http or https with a host and no fragment", value)
		}
	}
	if o.Resource != "" {
		check("auth.resource", o.Resource)
	}
	for _, server := range o.AuthorizationServers {
		check("auth.authorization_servers", server)
	}
	if (o.Resource == "") != (len(o.AuthorizationServers) == 0) {
		found.Add("auth.resource", "not set together with auth.authorization_servers: allowed is both, or neither")
	}
}
