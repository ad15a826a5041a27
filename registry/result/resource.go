package result

import (
	"encoding/base64"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// Resource is what contents leave out that is the resource's.
type Resource struct{ URI, MIMEType string }

// AppendContents appends the response to a resources/read of a resource.
func (e *Encoder) AppendContents(dst []byte, to Request, of Resource, result *mcp.ReadResourceResult) ([]byte,
	*codec.Error) {
	if result == nil || len(result.Contents) == 0 {
		return nil, errNoContents
	}
	size := 0
	for i, c := range result.Contents {
		if c == nil {
			return nil, protocol.ResultEncoding(place("contents", i) + ": it is nil")
		}
		size += len(c.Text) + base64.StdEncoding.EncodedLen(len(c.Blob))
	}
	if size > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(size, e.opt.MaxBytes) // before the buffer grows
	}
	dst = append(AppendHead(dst, to.ID), `{"contents":[`...)
	for i, c := range result.Contents {
		if i > 0 {
			dst = append(dst, ',')
		}
		var fail *codec.Error
		if dst, fail = appendContent(dst, to.revision(), of, c); fail != nil {
			return nil, fail
		}
	}
	dst = append(dst, ']')
	if to.revision().Modern {
		dst = appendCaching(dst, &result.Cacheable)
	}
	return e.appendTail(dst, to, result.Meta)
}

// appendContent appends one TextResourceContents or BlobResourceContents. The SDK's own encoder leaves an empty text
// out, and what has neither is no contents.
func appendContent(dst []byte, rev *protocol.Revision, of Resource, c *mcp.ResourceContents) ([]byte, *codec.Error) {
	uri, mimeType := c.URI, c.MIMEType
	if uri == "" {
		uri = of.URI
	}
	if mimeType == "" {
		mimeType = of.MIMEType
	}
	dst = codec.AppendQuoted(append(dst, `{"uri":`...), uri)
	if mimeType != "" {
		dst = codec.AppendQuoted(append(dst, `,"mimeType":`...), mimeType)
	}
	if c.Text != "" || c.Blob == nil {
		dst = codec.AppendQuoted(append(dst, `,"text":`...), c.Text)
	}
	if c.Blob != nil {
		dst = base64.StdEncoding.AppendEncode(append(dst, `,"blob":"`...), c.Blob)
		dst = append(dst, '"')
	}
	if c.Meta != nil && rev.Titles {
		var e *codec.Error
		if dst, e = appendMarshaled(append(dst, `,"_meta":`...), "_meta of contents", c.Meta); e != nil {
			return nil, e
		}
	}
	return append(dst, '}'), nil
}

// appendCaching appends for how long a result may be kept, and by whom, as the handler says (MCP 2026-07-28,
// server/utilities/caching). What nobody called public may depend on who asked.
func appendCaching(dst []byte, c *mcp.Cacheable) []byte {
	dst = append(dst, `,"ttlMs":`...)
	dst = strconv.AppendInt(dst, int64(max(c.TTLMs, 0)), 10)
	if c.CacheScope == "public" {
		return append(dst, `,"cacheScope":"public"`...)
	}
	return append(dst, `,"cacheScope":"private"`...)
}
