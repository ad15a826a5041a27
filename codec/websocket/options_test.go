package websocket

import (
	"testing"

	"weir/codec/internal/codectest"
)

func TestLimitsAreChecked(t *testing.T) {
	codectest.EveryLimit(t, DefaultLimits, (*Limits).Validate)
}
