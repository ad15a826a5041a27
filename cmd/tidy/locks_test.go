package tidy

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestLocks(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\n"+body, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(Locks(fset, file), "\n")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", body, got, want)
		}
	}
	f("func (c *c) a() { c.mu.Lock(); defer c.mu.Unlock() }", "")
	f("func (c *c) a() { c.mu.RLock(); c.mu.RUnlock() }", "")
	f("func (c *c) a() { if c.mu.TryLock() { c.mu.Unlock() } }", "")
	f("func (c *c) tellLocked() { c.wake(); c.mu.Unlock() }", "tellLocked unlocks c.mu, which it has not locked")
	f("func (c *c) a() { d.mu.Lock(); c.mu.Unlock() }", "a unlocks c.mu")
	f("func (c *c) aLocked() { c.mu.Lock(); c.mu.Unlock() }", "aLocked locks c.mu, which its name says is locked")
	f("func (c *c) aLocked() { c.other.Lock(); c.other.Unlock() }", "")
}
