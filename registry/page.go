package registry

import (
	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
)

// appendPage appends the response to a list request: one page, in order of names.
func appendPage[E feature.Entry](r *Registry, x *Exchange, dst []byte, list *feature.List, set *feature.Set[E]) []byte {
	from := len(dst)
	dst = append(appendHead(dst, x.ID()), '{')
	dst, e := feature.AppendPage(dst, list, set.All(), feature.Page{
		Cursor: x.Env.Cursor.Of(x.Raw), Revision: int(x.revision),
		MaxEntries: r.opt.PageSize, MaxBytes: r.opt.MaxResultBytes - protocol.ListOverheadBytes,
	})
	if e != nil {
		return codec.AppendError(dst[:from], x.ID(), e)
	}
	if x.rev().Modern {
		dst = append(dst, r.prepared.caching...)
		dst = append(dst, r.prepared.suffix...)
	}
	return append(dst, "}}"...)
}
