package work

// maxRecalls is how many cancellations are remembered of calls that are not here: they may be in the queue yet, and
// then are not begun. Of more, the oldest are forgotten, which MCP allows (2025-11-25 basic/utilities/cancellation).
const maxRecalls = 4096

// recalls are the latest cancellations.
type recalls struct {
	of   map[key]bool
	ring []key
	next int
}

func (r *recalls) add(k key) {
	if r.of == nil {
		r.of = map[key]bool{}
	}
	if r.of[k] {
		return
	}
	r.of[k] = true
	if len(r.ring) < maxRecalls {
		r.ring = append(r.ring, k)
		return
	}
	delete(r.of, r.ring[r.next])
	r.ring[r.next] = k
	r.next = (r.next + 1) % maxRecalls
}

func (r *recalls) has(k key) bool { return r.of[k] }
