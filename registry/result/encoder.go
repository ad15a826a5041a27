package result

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// Encoder appends the answers of one server. All methods are safe for concurrent use. What they append counts only when
// they return no error, which is then what the client gets.
type Encoder struct {
	opt Options
	// suffix ends every result of the modern era: its type and who made it (MCP 2026-07-28, basic/index).
	suffix []byte // ,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{...}}
	// identity is the member of _meta that suffix repeats, for results that have a _meta of their own.
	identity []byte
	// caching is what cacheable results of the modern era carry (MCP 2026-07-28, server/utilities/caching). Public,
	// because what is registered is the same for every caller, unless not everybody may call (Options.Private).
	caching []byte // ,"ttlMs":N,"cacheScope":"public"
}

// Request is what an answer needs to know of its request.
type Request struct {
	ID       []byte // its token
	Revision int    // place of its revision in the table
}

func (r Request) revision() *protocol.Revision { return protocol.RevisionAt(r.Revision) }

const memberResult = `"resultType":"complete"`

// NewEncoder prepares what is the same in every answer.
func NewEncoder(opt Options) *Encoder {
	e := &Encoder{opt: opt}
	e.identity = []byte(e.serverInfo(protocol.RevisionAt(protocol.LatestRevision)))
	e.suffix = []byte(`,` + memberResult + `,"_meta":{"` + protocol.KeyServerInfo + `":` + string(e.identity) + `}`)
	scope := "public"
	if opt.Private {
		scope = "private"
	}
	e.caching = []byte(`,"ttlMs":` + strconv.FormatInt(opt.ListTTL.Milliseconds(), 10) + `,"cacheScope":"` + scope + `"`)
	return e
}

// serverInfo is the Implementation object that revision rev knows.
func (e *Encoder) serverInfo(rev *protocol.Revision) string {
	b := codec.AppendQuoted([]byte(`{"name":`), e.opt.Name)
	if rev.Titles && e.opt.Title != "" {
		b = codec.AppendQuoted(append(b, `,"title":`...), e.opt.Title)
	}
	b = codec.AppendQuoted(append(b, `,"version":`...), e.opt.Version)
	return string(append(b, '}'))
}

// Identity is the object by which results of the modern era say who answers. Nobody writes to it.
func (e *Encoder) Identity() []byte { return e.identity }

// AppendHead opens a response whose result is appended piece by piece, without a buffer in between.
func AppendHead(dst, id []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return append(dst, `,"result":`...)
}

// AppendEnd ends a response whose result is open behind a member and has no _meta of its own.
func (e *Encoder) AppendEnd(dst []byte, to Request) []byte {
	if to.revision().Modern {
		dst = append(dst, e.suffix...)
	}
	return append(dst, "}}"...)
}

// AppendAcknowledged appends a response of the modern era that says nothing but that the request was taken.
func (e *Encoder) AppendAcknowledged(dst, id []byte) []byte {
	dst = append(AppendHead(dst, id), '{')
	dst = append(dst, e.suffix[1:]...)
	return append(dst, "}}"...)
}

// AppendIdentified ends a response of the modern era whose result is open behind a member and says its type itself.
func (e *Encoder) AppendIdentified(dst []byte) []byte {
	dst = append(dst, `,"_meta":{"`+protocol.KeyServerInfo+`":`...)
	dst = append(dst, e.identity...)
	return append(dst, "}}}"...)
}

// appendTail ends a response whose result is open behind a member: with its type, its _meta, and the brackets.
func (e *Encoder) appendTail(dst []byte, to Request, meta mcp.Meta) ([]byte, *codec.Error) {
	if meta == nil {
		return e.AppendEnd(dst, to), nil
	}
	if to.revision().Modern {
		dst = append(dst, ","+memberResult...)
		meta = e.identified(meta)
	}
	dst, fail := appendMarshaled(append(dst, `,"_meta":`...), "_meta", meta)
	if fail != nil {
		return nil, fail
	}
	return append(dst, "}}"...), nil
}

// identified is a result's _meta as the modern era wants it: it says who answers (MCP 2026-07-28, basic/index). meta is
// the handler's and is not written to.
func (e *Encoder) identified(meta mcp.Meta) mcp.Meta {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = make(mcp.Meta, 1)
	}
	if _, given := meta[protocol.KeyServerInfo]; !given {
		meta[protocol.KeyServerInfo] = json.RawMessage(e.identity)
	}
	return meta
}

// appendMarshaled appends a member that only encoding/json can encode, bounded and repaired.
func appendMarshaled(dst []byte, member string, v any) ([]byte, *codec.Error) {
	encoded, err := value.Marshal(v)
	if err != nil {
		return nil, EncodingError(at(member, err))
	}
	return append(dst, encoded...), nil
}
