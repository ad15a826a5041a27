package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The messages that are sent. Every request begins with the same 22 bytes and an id of ten digits, so that a request
// is made by copying a template and writing ten digits, and a bare echo server can find the id without parsing.

const (
	MessagePrefix = `{"jsonrpc":"2.0","id":`
	IDDigits      = 10
	// the first number of ten digits; a connection would need nine billion calls to leave them
	FirstID = 1_000_000_000
)

// Template is a message ready to be sent but for its id.
type Template struct {
	Bytes []byte
	IDAt  int // where the ten digits go; negative: a notification
	// mask is XORed over the digits: WebSocket clients mask what they send (RFC 6455 section 5.3), and the template is
	// masked already. Its first byte belongs to the first digit. Zero for other transports.
	mask [4]byte
}

// Append appends the message with its id.
func (t *Template) Append(dst []byte, id uint64) []byte {
	at := len(dst) + t.IDAt
	dst = append(dst, t.Bytes...)
	if t.IDAt < 0 {
		return dst
	}
	digits := dst[at : at+IDDigits : at+IDDigits]
	for i := IDDigits - 1; i >= 0; i-- {
		digits[i] = (byte('0') + byte(id%10)) ^ t.mask[i&3]
		id /= 10
	}
	return dst
}

// Messages are the JSON bodies of a fleet, ids still zero.
type Messages struct {
	Greeting    []byte // what Opening asks for: initialize, ping or nothing
	Initialized []byte // notifications/initialized, when greeting is initialize
	Call        []byte
	Subscribe   []byte // what subscribes a session to a resource, before its stream is opened
	listen      []byte // what opens the stream of the modern era
}

// NewMessages builds the bodies that the options ask for. The error says that the arguments are not JSON.
func NewMessages(o *Options) (Messages, error) {
	if !json.Valid([]byte(o.Arguments)) {
		return Messages{}, fmt.Errorf("option Arguments: not JSON: %s", o.Arguments)
	}
	meta := o.meta()
	padded := meta
	if o.PadBytes > 0 {
		if padded != "" {
			padded += ","
		}
		padded += `"pad":"` + strings.Repeat("x", o.PadBytes) + `"`
	}
	var m Messages
	if o.Method == MethodCall {
		m.Call = request(MethodCall, `"name":`+quote(o.Tool)+`,"arguments":`+o.Arguments, padded)
	} else {
		m.Call = request(o.Method, "", padded)
	}
	if o.Stream {
		m.addStream(o, meta)
	}
	switch {
	case o.Opening == OpenPing:
		m.Greeting = request("ping", "", meta)
	case o.Opening == OpenSession && o.Era == Legacy:
		m.Greeting = request("initialize", `"protocolVersion":"`+o.SessionRevision()+
			`","capabilities":{},"clientInfo":{"name":"weir-load","version":"1"}`, "")
		m.Initialized = []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return m, nil
}

// ListTools asks for a page of the server's tools: the one behind cursor, or the first.
func ListTools(o *Options, cursor string) []byte {
	params := ""
	if cursor != "" {
		params = `"cursor":` + quote(cursor)
	}
	return request("tools/list", params, o.meta())
}

// meta is the members of _meta that the era asks for in each request.
func (o *Options) meta() string {
	if o.Era == Legacy {
		return ""
	}
	return `"io.modelcontextprotocol/protocolVersion":"` + ModernRevision +
		`","io.modelcontextprotocol/clientCapabilities":{}`
}

// addStream adds what opens an event stream, as far as that is a message: GET is none.
func (m *Messages) addStream(o *Options, meta string) {
	switch {
	case o.Era == Modern:
		filter := `"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true`
		if o.Watch != "" {
			filter += `,"resourceSubscriptions":[` + quote(o.Watch) + `]`
		}
		m.listen = request("subscriptions/listen", `"notifications":{`+filter+`}`, meta)
	case o.Watch != "":
		m.Subscribe = request("resources/subscribe", `"uri":`+quote(o.Watch), "")
	}
}

func request(method, params, meta string) []byte {
	if meta != "" {
		if params != "" {
			params += ","
		}
		params += `"_meta":{` + meta + `}`
	}
	s := MessagePrefix + strings.Repeat("0", IDDigits) + `,"method":` + quote(method)
	if params != "" {
		s += `,"params":{` + params + `}`
	}
	return []byte(s + "}")
}

// quote writes a tool's or method's name as JSON; a Go string always can be.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
