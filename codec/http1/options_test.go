package http1

import (
	"testing"

	"weir/codec/internal/codectest"
)

func TestLimitsAreChecked(t *testing.T) {
	codectest.EveryLimit(t, DefaultLimits, (*Limits).Validate)
	l := DefaultLimits()
	l.MaxHeaderBytes, l.MaxHeaderValueBytes = 2048, 4096
	const want = "max_header_bytes: 2 KiB is below max_header_value_bytes: allowed is 4 KiB or more"
	if errs := l.Validate(); len(errs) != 1 || errs[0].Error() != want {
		t.Error(errs)
	}
}
