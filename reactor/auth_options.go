package reactor

import (
	"net/url"
	"strings"
	"time"

	"weir/codec/option"
)

// AuthOptions is how peers say who they are.
type AuthOptions struct {
	// TokensFile is the path of the tokens file, a line per token: the name of a principal, the SHA-256 of the token in
	// hex (weir token makes such a line), and optionally when it ends (RFC 3339). With it nothing but CORS preflights
	// is served without a token; without it anybody is served. SIGHUP has it read again. A relative path is below the
	// folder that the server was started in, not the configuration file's.
	TokensFile string `yaml:"tokens_file" zero:"none"`
	// Timeout is how long a TCP or Unix connection may take, from the accept, to send its first line, Authorization:
	// Bearer and a token; then it is closed (auth_timeout).
	Timeout time.Duration `yaml:"timeout" default:"2s" min:"100ms" max:"1m"`
	// TrustUnix has the Unix socket ask for no token: the permissions of its file decide who may come, and each peer's
	// principal is uid: and its user id, as the kernel says it (SO_PEERCRED).
	TrustUnix bool `yaml:"trust_unix"`
	// Resource is the URL of the MCP endpoint as clients know it, such as https://mcp.example.com/mcp. With it the
	// metadata document of RFC 9728 is served, without a token, below /.well-known/oauth-protected-resource, and a 401
	// says where. Only for tokens that an authorization server issues, and writes into TokensFile.
	Resource string `yaml:"resource" zero:"none"`
	// AuthorizationServers are the issuers that the document names, as URLs: at least one with Resource, none without
	// it.
	AuthorizationServers []string `yaml:"authorization_servers"`
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
