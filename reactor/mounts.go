package reactor

import (
	"errors"
	"fmt"

	"weir/reactor/mount"
)

// ReplaceMounts has the server's mounts be those, by their names. Who did not change is not touched; who changed serves
// until the new one has listed its tools or cannot be begun; who is not among them ends when what it was sent is
// answered. Clients stay and hear that the list of tools has changed. It waits for no mount. The server keeps mounts.
// With an error nothing has changed. Any goroutine, after Start; once the server stops it does nothing.
func (s *Server) ReplaceMounts(mounts map[string]*mount.Options) error {
	if err := errors.Join(checkMounts(mounts)...); err != nil {
		return err
	}
	s.mounts.Replace(mounts)
	return nil
}

// checkMounts returns everything that is wrong with mounts.
func checkMounts(mounts map[string]*mount.Options) (errs []error) {
	for name, m := range mounts {
		if !mount.CheckName(name) {
			errs = append(errs, fmt.Errorf("Config.Mounts: %q is not a name for a mount", name))
		}
		errs = append(errs, m.Validate()...)
	}
	return errs
}
