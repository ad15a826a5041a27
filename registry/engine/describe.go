package engine

import (
	"cmp"

	"weir/registry/handler"
)

// Routed is what Route has found, for who looks on: the method, "" of one that does not exist, and the name of what its
// handler was registered as, "" where there is none.
func (x *Exchange) Routed() (method, name string) {
	row := x.row
	if row == nil {
		row = methodOf(&x.Env, x.Raw) // it was refused before
	}
	if row != nil {
		method = row.name
	}
	switch found := x.found.(type) {
	case *handler.Tool:
		name = cmp.Or(found.Handler.Public, found.Handler.Name)
	case *handler.Prompt:
		name = cmp.Or(found.Handler.Public, found.Handler.Name)
	}
	return method, name
}
