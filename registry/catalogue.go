package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
	"weir/registry/shard"
)

// listed is what a list holds of one entry, whatever its kind. Immutable.
type listed struct {
	// name is what the entry is known and sorted by: a tool's or prompt's name, a resource's URI, a template's text.
	name       string
	definition [protocol.RevisionCount][]byte // its object in the list, as each revision knows it
}

// shown is the part of an entry that lists work with.
func (l *listed) shown() *listed { return l }

// entry is a tool, prompt, resource or resource template.
type entry interface{ shown() *listed }

// encode prepares the definition for every revision; visible returns what a revision knows of it.
func (l *listed) encode(maxBytes int, visible func(rev *protocol.Revision) any) error {
	for i := range protocol.RevisionCount {
		d, err := json.Marshal(visible(protocol.RevisionAt(i)))
		if err != nil {
			return err
		}
		if len(d) > maxBytes {
			return fmt.Errorf("the definition is %d bytes long, allowed is half of max_result_bytes (%d)", len(d), maxBytes)
		}
		if i > 0 && bytes.Equal(d, l.definition[i-1]) {
			d = l.definition[i-1]
		}
		l.definition[i] = d
	}
	return nil
}

// hide clears what every definition may have and the revision does not know.
func hide(rev *protocol.Revision, title *string, meta *mcp.Meta, icons *[]mcp.Icon) {
	if !rev.Titles {
		*title, *meta = "", nil
	}
	if !rev.Icons {
		*icons = nil
	}
}

// catalogue is everything of one kind that is offered: looked up by name on every message, listed in order of names,
// changed now and then.
type catalogue[E entry] struct {
	entries  *shard.Table[E]
	sorted   atomic.Pointer[[]E]
	changing sync.Mutex // held while entries come or go

	limit string // the option that bounds the number of entries
	most  int    // its value
	// changed is called after every change, without a lock.
	changed func()
	// bind and unbind, if any, are called under changing with an entry that comes and one that is gone.
	bind, unbind func(e E)
}

func newCatalogue[E entry](partitions int, limit string, most int, changed func()) *catalogue[E] {
	c := &catalogue[E]{entries: shard.New[E](partitions), limit: limit, most: most, changed: changed}
	c.sorted.Store(new([]E))
	return c
}

// get finds an entry by its name, which need not be kept.
func (c *catalogue[E]) get(name []byte) (E, bool) { return c.entries.Get(name) }

// all is every entry in order of names. Nobody writes to it.
func (c *catalogue[E]) all() []E { return *c.sorted.Load() }

// add adds an entry, or replaces the one of its name. The error is that there is no room.
func (c *catalogue[E]) add(e E) error {
	if !c.put(e) {
		return fmt.Errorf("%s (%d) are registered", c.limit, c.most)
	}
	c.changed()
	return nil
}

func (c *catalogue[E]) put(e E) bool {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.bind != nil {
		c.bind(e)
	}
	name := e.shown().name
	if !c.entries.Put(name, e, c.most) {
		if c.unbind != nil {
			c.unbind(e)
		}
		return false
	}
	c.publish(name, e)
	return true
}

// remove takes entries out and returns how many there were. Requests that run finish.
func (c *catalogue[E]) remove(names []string) int {
	n := c.take(names)
	if n > 0 {
		c.changed()
	}
	return n
}

func (c *catalogue[E]) take(names []string) int {
	c.changing.Lock()
	defer c.changing.Unlock()
	n := 0
	for _, name := range names {
		if e, ok := c.entries.Remove([]byte(name)); ok {
			n++
			c.publish(name)
			if c.unbind != nil {
				c.unbind(e)
			}
		}
	}
	return n
}

// publish shows a new list, in which with stands in place of name. It needs c.changing. Copying the list makes n changes cost n*n/2 pointers:
// 10,000 entries, added one by one, take about 50 ms.
func (c *catalogue[E]) publish(name string, with ...E) {
	old := c.all()
	i, found := search(old, name)
	next := make([]E, 0, len(old)+1)
	next = append(append(next, old[:i]...), with...)
	if found {
		i++
	}
	next = append(next, old[i:]...)
	c.sorted.Store(&next)
}

// search finds where name is, or would be, in a sorted list.
func search[E entry](sorted []E, name string) (int, bool) {
	return slices.BinarySearchFunc(sorted, name, func(e E, name string) int { return strings.Compare(e.shown().name, name) })
}

// maxNameBytes is the length the specification gives tool names (MCP 2025-11-25, server/tools, tool names), and prompts
// here; tool names are metric labels and header values too.
const maxNameBytes = 128

// checkName refuses names that could not be a line of a list, a header or a metric label. The specification only
// recommends its character set, and names of other servers are not ours to choose.
func checkName(name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fmt.Errorf("the name is %d bytes long, allowed is 1 to %d", len(name), maxNameBytes)
	}
	return checkText(name)
}

func checkText(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("the name must be UTF-8 without control characters")
	}
	return nil
}
