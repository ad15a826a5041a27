package observe

import "testing"

func TestThisHost(t *testing.T) {
	h := ThisHost()
	if h.Cores < 1 || h.MemoryBytes <= 0 || h.Kernel == "" || h.Go == "" || h.OpenFiles == 0 {
		t.Errorf("%+v", h)
	}
	if n, err := ListenDrops(); err != nil || n < 0 {
		t.Errorf("%d: %v", n, err)
	}
}
