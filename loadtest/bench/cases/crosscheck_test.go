package cases

import (
	"strings"
	"testing"

	"weir/loadtest/bench/harness"
)

func TestCrosscheckWithoutWrk(t *testing.T) {
	t.Setenv("PATH", "")
	got, err := crosscheck(&harness.Env{Ctx: t.Context()})
	if err != nil || len(got.Marks) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "apt-get install wrk") {
		t.Errorf("%+v, %v", got, err)
	}
}
