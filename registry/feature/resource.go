package feature

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/yosida95/uritemplate/v3"

	"weir/registry/protocol"
)

// Resource is the definition of a resource, or what a template and a resource have in common.
type Resource struct {
	Definition
	// MIMEType is for contents that name none.
	MIMEType string
}

// DefineResource checks a definition and encodes it for each revision, each form in at most maxBytes. d must not be
// changed afterwards.
func DefineResource(d *mcp.Resource, maxBytes int) (Resource, error) {
	s := Resource{Definition: Definition{Name: d.URI}, MIMEType: d.MIMEType}
	if err := checkURI(d.URI); err != nil {
		return s, err
	}
	if err := errors.Join(checkAnnotations(d.Annotations), checkIcons(d.Icons)); err != nil {
		return s, err
	}
	return s, s.define(d.Name, maxBytes, func(rev *protocol.Revision) any { return visibleResource(d, rev) })
}

// DefineTemplate is DefineResource for a resource template, with the pattern of the URIs that it stands for.
func DefineTemplate(d *mcp.ResourceTemplate, maxBytes int) (Resource, Pattern, error) {
	s := Resource{Definition: Definition{Name: d.URITemplate}, MIMEType: d.MIMEType}
	p, err := compilePattern(d.URITemplate)
	if err != nil {
		return s, p, err
	}
	if err := errors.Join(checkAnnotations(d.Annotations), checkIcons(d.Icons)); err != nil {
		return s, p, err
	}
	return s, p, s.define(d.Name, maxBytes, func(rev *protocol.Revision) any { return visibleTemplate(d, rev) })
}

func (s *Resource) define(title string, maxBytes int, visible func(rev *protocol.Revision) any) error {
	if title == "" {
		return errors.New("the name is missing")
	}
	return s.encode(maxBytes, visible)
}

// checkURI wants an absolute URI (RFC 3986).
func checkURI(uri string) error {
	if len(uri) > protocol.MaxURIBytes {
		return fmt.Errorf("the URI is %d bytes long, allowed are %d", len(uri), protocol.MaxURIBytes)
	}
	if err := checkText("URI", uri); err != nil {
		return err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return err
	}
	if !u.IsAbs() {
		return errors.New("the URI is not absolute")
	}
	return nil
}

// visibleResource is the part of a definition that a revision knows.
func visibleResource(d *mcp.Resource, rev *protocol.Revision) *mcp.Resource {
	v := *d
	v.Annotations = annotations(rev, v.Annotations)
	hide(rev, &v.Title, &v.Meta, &v.Icons)
	return &v
}

// visibleTemplate is the part of a definition that a revision knows.
func visibleTemplate(d *mcp.ResourceTemplate, rev *protocol.Revision) *mcp.ResourceTemplate {
	v := *d
	v.Annotations = annotations(rev, v.Annotations)
	hide(rev, &v.Title, &v.Meta, &v.Icons)
	return &v
}

// Pattern is what the URIs of a resource template (RFC 6570) look like.
type Pattern struct {
	prefix    []byte
	literals  int // bytes of the text that are no expressions
	pattern   *regexp.Regexp
	variables []string
}

// expressions are what a template's text holds beside literals.
var expressions = regexp.MustCompile(`\{[^}]*\}`)

// compilePattern prepares the matching. A regular expression of package regexp takes time linear in the URI, whatever
// it says.
func compilePattern(text string) (Pattern, error) {
	if len(text) > protocol.MaxURIBytes {
		return Pattern{}, fmt.Errorf("the template is %d bytes long, allowed are %d", len(text), protocol.MaxURIBytes)
	}
	parsed, err := uritemplate.New(text)
	if err != nil {
		return Pattern{}, err
	}
	literal, _, _ := strings.Cut(text, "{")
	if scheme, _, found := strings.Cut(literal, ":"); !found || scheme == "" {
		return Pattern{}, errors.New("the template does not begin with a scheme")
	}
	return Pattern{prefix: []byte(literal), pattern: parsed.Regexp(), variables: parsed.Varnames(),
		literals: len(expressions.ReplaceAllString(text, ""))}, nil
}

// Begins says whether uri begins as the template does, for the price of a look.
func (p *Pattern) Begins(uri []byte) bool { return bytes.HasPrefix(uri, p.prefix) }

// Matches says whether the template could expand to uri.
func (p *Pattern) Matches(uri []byte) bool { return p.Begins(uri) && p.pattern.Match(uri) }

// Says is how many bytes of its URIs the template fixes: of several that match, the one that says most is meant.
func (p *Pattern) Says() int { return p.literals }

// Names says whether the template has a variable of that name.
func (p *Pattern) Names(variable string) bool { return slices.Contains(p.variables, variable) }
