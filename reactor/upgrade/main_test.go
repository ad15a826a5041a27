package upgrade

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(hangs) != "" {
		if heir, err := Inherit(); err == nil && heir != nil {
			_, _ = heir.Ready()
		}
		select {}
	}
	goleak.VerifyTestMain(m)
}

// hangs is in the environment of a new process that hangs once it was ready.
const hangs = "WEIR_TEST_HANGS"
