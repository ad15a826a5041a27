package session

import "testing"

// A client that never said which log messages it wants gets those from info on.
func TestDefaultLogLevel(t *testing.T) {
	var c Client
	if got := c.LogLevel().String(); got != "info" {
		t.Error(got)
	}
	c.SetLogLevel(0)
	if got := c.LogLevel().String(); got != "debug" {
		t.Error(got)
	}
}
