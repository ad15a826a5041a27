package result

import (
	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
)

// AppendPage appends the response to a list request: one page of all, in order of names. A cursor that is none of
// this list is answered with an error.
func AppendPage[E feature.Entry](e *Encoder, dst []byte, to Request, cursor []byte, list *feature.List,
	all []E) []byte {
	from := len(dst)
	dst = append(AppendHead(dst, to.ID), '{')
	dst, fail := feature.AppendPage(dst, list, all, feature.Page{
		Cursor: cursor, Revision: to.Revision,
		MaxEntries: e.opt.PageSize, MaxBytes: e.opt.MaxBytes - protocol.ListOverheadBytes,
	})
	if fail != nil {
		return codec.AppendError(dst[:from], to.ID, fail)
	}
	if to.revision().Modern {
		dst = append(dst, e.caching...)
	}
	return e.AppendEnd(dst, to)
}
