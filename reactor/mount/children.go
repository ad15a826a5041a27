package mount

import (
	"strconv"
	"strings"
	"time"

	"weir/reactor/mount/reason"
	"weir/registry/call"
)

// A mount that is not shared by all has a child for each principal, or each session: another program, or another
// connection, of the same options. The first one, which is nobody's, only lists. A child is begun with the first call
// of whoever it is for, which waits for it, and ends when that one has not called for a while. Nobody finds another's:
// it is looked up by who calls, also where a call goes on there.

// shared says whether all clients have one child.
func (o *Options) shared() bool { return o.Share == "all" }

// maxComplaints is how many lines say in ten seconds that a child of a mount is not there: clients begin children.
const maxComplaints = 3

// ownerOf says whose child answers a call, or why none does. The modern era has no sessions over HTTP: there it is the
// principal's.
func (m *Mount) ownerOf(c *call.Call) (owner any, why reason.Failure) {
	switch {
	case m.opt.Share == "principal":
		return c.Principal, reason.Failures
	case c.Conv != nil:
		return c.Conv, reason.Failures
	case c.Principal != "":
		return c.Principal, reason.Failures
	}
	return nil, reason.FailSession
}

// childFor is the mount that answers a call: m itself, or its child for who calls, which is begun if there is none.
func (m *Mount) childFor(c *call.Call) (*Mount, reason.Failure) {
	if m.opt.shared() {
		return m, reason.Failures
	}
	owner, why := m.ownerOf(c)
	if why != reason.Failures {
		return nil, why
	}
	all := &m.children
	all.Lock()
	defer all.Unlock()
	child := all.byOwner[owner]
	switch {
	case child != nil:
	case all.closed:
		return nil, reason.FailStopped
	case m.life.Err() != nil:
		return nil, reason.FailDown
	case len(all.byOwner) >= m.opt.MaxChildren && !all.endOrphanLocked():
		return nil, reason.FailChildren
	default:
		all.begun++
		child = m.of.newChild(m, owner, all.begun)
		all.byOwner[owner] = child
		m.of.begin(child, m.life)
		child.timer = time.AfterFunc(m.opt.ChildIdleTimeout, child.endIdle)
	}
	child.used = time.Now()
	return child, reason.Failures
}

// newChild makes a child that does nothing yet. What it counts counts for its mount.
func (s *Mounts) newChild(m *Mount, owner any, number int) *Mount {
	child := &Mount{name: m.name, opt: m.opt, of: s, log: m.log.With().Int("child", number).Logger(), series: m.series,
		base: m, owner: owner, nonce: m.nonce + strconv.Itoa(number) + ".", part: m.part, answerBytes: m.answerBytes,
		arriving: m.arriving, met: m.met}
	bounds := m.opt.bounds()
	bounds.Share = 100 // who it is for is the only one
	child.init(bounds)
	return child
}

// endIdle ends a child that nobody has called for a while and that has nothing to do, or looks again later.
func (m *Mount) endIdle() {
	all := &m.base.children
	all.Lock()
	defer all.Unlock()
	if left := m.opt.ChildIdleTimeout - time.Since(m.used); left > 0 || m.isBusy() {
		m.timer.Reset(max(left, m.opt.ChildIdleTimeout/4))
		return
	}
	delete(all.byOwner, m.owner)
	m.end()
}

// endOrphanLocked ends a child whose session is over, which nobody can call any more; false: there is none. Who begins
// sessions and ends them would else have all children until they are idle.
func (c *children) endOrphanLocked() bool {
	for owner, child := range c.byOwner {
		if conv, ok := owner.(*call.Conversation); ok && conv.Over() && !child.isBusy() {
			child.timer.Stop()
			delete(c.byOwner, owner)
			child.end()
			return true
		}
	}
	return false
}

// isBusy says whether a call is with m.
func (m *Mount) isBusy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.Busy()
}

// list is every child now.
func (c *children) list() (all []*Mount) {
	c.Lock()
	defer c.Unlock()
	for _, child := range c.byOwner {
		all = append(all, child)
	}
	return all
}

// close has none be begun any more, and returns those there are.
func (c *children) close() []*Mount {
	c.Lock()
	c.closed = true
	c.Unlock()
	all := c.list()
	for _, child := range all {
		child.timer.Stop()
	}
	return all
}

// holderOf is the mount at which a call with this state goes on, m or a child of its; nil: none has it.
func (m *Mount) holderOf(state string) *Mount {
	if m.opt.shared() {
		return m
	}
	for _, child := range m.children.list() {
		if strings.HasPrefix(state, child.nonce) {
			return child
		}
	}
	return nil
}
