// Package needs is for tests that need more than Go: somebody else's program, a port for it, or minutes.
//
// Its one rule: a test that misses its program is skipped at a desk, fails in CI (WEIR_CI), and is never skipped in
// silence: the file that WEIR_SKIPPED names gets a line, of which `make test` makes one for everybody at its end. One
// that takes minutes is run by `make slow` (WEIR_SLOW) alone.
//
// It never knows what the programs are run for.
package needs
