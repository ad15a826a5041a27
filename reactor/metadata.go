package reactor

import (
	"fmt"
	"net/url"
	"strings"
)

// validateURLs: both or neither, each with scheme and host, and without what would end a quoted string.
func (o *AuthOptions) validateURLs() []error {
	var errs []error
	check := func(key, value string) {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || strings.ContainsAny(value, "\"\\ ") {
			errs = append(errs, fmt.Errorf("%s: %q is not an http or https URL with a host and no fragment", key, value))
		}
	}
	if o.Resource != "" {
		check("auth.resource", o.Resource)
	}
	for _, server := range o.AuthorizationServers {
		check("auth.authorization_servers", server)
	}
	if (o.Resource == "") != (len(o.AuthorizationServers) == 0) {
		errs = append(errs, fmt.Errorf("auth.resource: set it together with auth.authorization_servers, or neither"))
	}
	return errs
}
