package protocol

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/codec"
	"weir/codec/http1"
)

// In the modern era HTTP headers repeat parts of the body, so that what stands in front of the server can route
// without parsing. Whoever reads the body must check that both say the same, or a balancer and a server can be shown
// different requests (MCP 2026-07-28, basic/transports/streamable-http, server validation).

// Header holds the HTTP headers that MCP gives a meaning. A nil slice is a header that was not sent; an empty one was
// sent empty. The slices alias the connection's buffer: nothing here keeps them.
type Header struct {
	// ProtocolVersion is MCP-Protocol-Version, SessionID is Mcp-Session-Id, Method is Mcp-Method, Name is Mcp-Name.
	ProtocolVersion, SessionID, Method, Name []byte
	// Params holds the Mcp-Param-{Name} headers.
	Params []http1.Param
	// Fields are all field lines of the head, as they came.
	Fields []byte
}

// CheckVersion compares MCP-Protocol-Version with the version in _meta.
func (h *Header) CheckVersion(version []byte) *codec.Error {
	switch {
	case h.ProtocolVersion == nil:
		return errHeader("MCP-Protocol-Version is missing")
	case !bytes.Equal(h.ProtocolVersion, version):
		return errHeader("MCP-Protocol-Version does not match the version in params._meta")
	}
	return nil
}

// CheckMethod compares Mcp-Method with the method of the message.
func (h *Header) CheckMethod(raw []byte, e *codec.Envelope) *codec.Error {
	if h.Method == nil {
		return errHeader("Mcp-Method is missing")
	}
	if method, ok := codec.StringOf(e.Method.Of(raw)); !ok || !bytes.Equal(h.Method, method) {
		return errHeader("Mcp-Method does not match the method")
	}
	return nil
}

// Mirror names the member of params that Mcp-Name repeats; each method has one (MCP 2026-07-28,
// basic/transports/streamable-http).
type Mirror uint8

const (
	mirrorNothing Mirror = iota
	MirrorName           // params.name
	MirrorURI            // params.uri
	MirrorTaskID         // params.taskId (SEP-2663)
)

// CheckName compares Mcp-Name with the member of params that the method has it repeat.
func (h *Header) CheckName(raw []byte, e *codec.Envelope, mirror Mirror) *codec.Error {
	if mirror == mirrorNothing {
		return nil
	}
	if h.Name == nil {
		return errHeader("Mcp-Name is missing")
	}
	value, ok := decodeHeader(h.Name)
	if !ok {
		return errHeader("Mcp-Name has characters that must be sent as =?base64?...?=")
	}
	token, member := e.Name, "params.name"
	switch mirror {
	case MirrorURI:
		token, member = e.URI, "params.uri"
	case MirrorTaskID:
		token, member = e.TaskID, "params.taskId"
	}
	if body, isText := codec.StringOf(token.Of(raw)); !isText || !bytes.Equal(value, body) {
		return errHeader("Mcp-Name does not match " + member)
	}
	return nil
}

const (
	base64Prefix = "=?base64?"
	base64Suffix = "?="
)

// decodeHeader undoes the encoding of header values that are not safe ASCII; it allocates only for those.
func decodeHeader(value []byte) ([]byte, bool) {
	if !bytes.HasPrefix(value, []byte(base64Prefix)) || !bytes.HasSuffix(value, []byte(base64Suffix)) ||
		len(value) < len(base64Prefix)+len(base64Suffix) {
		for _, c := range value {
			if c != '\t' && (c < ' ' || c > '~') {
				return nil, false
			}
		}
		return value, true
	}
	decoded, err := base64.StdEncoding.AppendDecode(nil, value[len(base64Prefix):len(value)-len(base64Suffix)])
	return decoded, err == nil
}

// ParamHeader is a property that a tool wants repeated as Mcp-Param-{name} (its schema's x-mcp-header).
type ParamHeader struct {
	name string
	path []string // keys from the arguments down
}

// MaxSafeInteger bounds mirrored integers: JavaScript has no larger ones.
const MaxSafeInteger = 1<<53 - 1

// CheckParams compares the Mcp-Param headers that a tool asks for with the arguments. A value that is absent or
// null has no header; any other must have one.
func (h *Header) CheckParams(wanted []ParamHeader, arguments []byte) *codec.Error {
	for i := range wanted {
		w := &wanted[i]
		sent, found := headerParam(h.Params, w.name)
		value := lookup(arguments, w.path)
		if value == nil || string(value) == "null" {
			if found {
				return errHeader("Mcp-Param-" + w.name + " was sent for a parameter that was not")
			}
			continue
		}
		if !found {
			return errHeader("Mcp-Param-" + w.name + " is missing")
		}
		decoded, ok := decodeHeader(sent)
		if !ok {
			return errHeader("Mcp-Param-" + w.name + " has characters that must be sent as =?base64?...?=")
		}
		if _, safe := SafeInteger(string(value)); !safe && (value[0] == '-' || value[0]-'0' <= 9) {
			return errHeader("Mcp-Param-" + w.name + " is of a number that no header may have: " +
				"these are integers up to 9007199254740991")
		}
		if !sameValue(decoded, value) {
			return errHeader("Mcp-Param-" + w.name + " does not match the argument")
		}
	}
	return nil
}

// headerParam finds a header by name; field names have no case (RFC 9110 5.1).
func headerParam(params []http1.Param, name string) ([]byte, bool) {
	for i := range params {
		if len(params[i].Name) == len(name) && bytes.EqualFold(params[i].Name, []byte(name)) {
			return params[i].Value, true
		}
	}
	return nil, false
}

// lookup walks down the members of an object; nil when one is missing or not an object.
func lookup(value []byte, path []string) []byte {
	for _, key := range path {
		if value == nil || value[0] != '{' {
			return nil
		}
		value = codec.Member(value, key)
	}
	return value
}

// sameValue compares a header with a JSON token: strings as text, booleans by name, integers as numbers, so that 42.0
// is 42.
func sameValue(header, token []byte) bool {
	switch token[0] {
	case '"':
		text, ok := codec.StringOf(token)
		return ok && bytes.Equal(header, text)
	case 't', 'f':
		return bytes.Equal(header, token)
	}
	body, ok := SafeInteger(string(token))
	if !ok {
		return false
	}
	sent, ok := SafeInteger(string(header))
	return ok && sent == body
}

// SafeInteger is the integer that a JSON number, or a header, spells; 42.0 is 42. False when it is none, or beyond
// MaxSafeInteger.
func SafeInteger(text string) (int64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > MaxSafeInteger {
		return 0, false
	}
	return int64(v), true
}

// ParamHeaders reads and checks the x-mcp-header annotations of an input schema. An annotation in the wrong place makes
// the definition invalid, so that clients drop the tool: better to fail where it is registered.
func ParamHeaders(inputSchema any) ([]ParamHeader, error) {
	raw, err := json.Marshal(inputSchema)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(raw, []byte(keyParamHeader)) {
		return nil, nil
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, err
	}
	var found []ParamHeader
	if err := collectHeaders(root, nil, &found); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b ParamHeader) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(found); i++ {
		name := found[i].name
		if slices.ContainsFunc(found[:i], func(p ParamHeader) bool { return strings.EqualFold(p.name, name) }) {
			return nil, fmt.Errorf("%s %q is used twice", keyParamHeader, name)
		}
	}
	if n := countAnnotations(root); n != len(found) {
		return nil, fmt.Errorf("%s stands where no chain of properties leads", keyParamHeader)
	}
	return found, nil
}

const keyParamHeader = "x-mcp-header"

// collectHeaders walks the chains of properties, the only places where an annotation may stand.
func collectHeaders(schema map[string]any, path []string, found *[]ParamHeader) error {
	properties, _ := schema["properties"].(map[string]any)
	for key, value := range properties {
		property, ok := value.(map[string]any)
		if !ok {
			continue
		}
		at := append(slices.Clone(path), key)
		where := strings.Join(at, ".")
		if annotation, ok := property[keyParamHeader]; ok {
			name, isText := annotation.(string)
			if !isText || !isToken(name) {
				return fmt.Errorf("%s of %q must be an HTTP field name", keyParamHeader, where)
			}
			if kind := property["type"]; kind != "string" && kind != "integer" && kind != "boolean" {
				return fmt.Errorf("%s of %q needs type string, integer or boolean", keyParamHeader, where)
			}
			*found = append(*found, ParamHeader{name: name, path: at})
		}
		if err := collectHeaders(property, at, found); err != nil {
			return err
		}
	}
	return nil
}

// countAnnotations counts x-mcp-header keys of schemas anywhere below value; a property may be called that, an
// annotation is a string.
func countAnnotations(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if _, isText := member.(string); isText && key == keyParamHeader {
				n++
			}
			n += countAnnotations(member)
		}
	case []any:
		for _, element := range v {
			n += countAnnotations(element)
		}
	}
	return n
}

// isToken is 1*tchar (RFC 9110 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}
