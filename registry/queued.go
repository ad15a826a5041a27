package registry

import "weir/codec"

// Queued says, of a message of which only the beginning was seen (codec.Peek), whether it is work that waits in line and
// may be refused for want of room. Control, and what nobody knows, never is: the latter is refused by the scan.
func (r *Registry) Queued(raw []byte, e *codec.Envelope) bool {
	row := methodOf(e, raw)
	return row != nil && (row.class == Compute || row.class == Blocking)
}
