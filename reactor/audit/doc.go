// Package audit writes who asked for what, when, and what became of it: a line of JSON for each request that ended.
//
// Its one rule: who ends a request never waits for the disk. Lines that do not fit are dropped, counted, and said.
//
// It never knows what was asked in detail: no argument, result, token or session id is written.
package audit
