package reactor

import (
	"net/url"
	"strings"

	"weir/codec/option"
)

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
