package registry

import (
	"errors"

	"weir/registry/engine"
)

// Registry is what one server offers. Create it with New and register what there is; more may be added and removed
// while it is served. All methods are safe for concurrent use.
type Registry struct {
	opt    Options
	engine *engine.Engine
}

// New makes an empty registry. The error joins everything that Options.Validate found.
func New(opt Options) (*Registry, error) {
	if errs := opt.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Registry{opt: opt, engine: engine.New(opt.engine())}, nil
}

// Engine is what answers the clients with what is registered, for whoever serves it (package reactor).
func (r *Registry) Engine() *engine.Engine { return r.engine }
