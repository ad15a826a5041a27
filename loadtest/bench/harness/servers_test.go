package harness

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestServerTellsAboutItself(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/status":
			w.Write([]byte(`{"listeners":{"tcp":"127.0.0.1:1"},"goroutines":12,"queue":{"waiting_messages":3}}`))
		case "/metrics":
			w.Write([]byte("# HELP x\nweir_a 1\nweir_b{reason=\"write stalled\"} 2.5\n"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer h.Close()
	s := &Server{admin: h.URL}
	if st, err := s.Status(); err != nil || st.Listeners["tcp"] != "127.0.0.1:1" || st.Goroutines != 12 ||
		st.Queue.Waiting != 3 {
		t.Errorf("%+v: %v", st, err)
	}
	if m, err := s.Metrics(); err != nil || m["weir_a"] != 1 || m[`weir_b{reason="write stalled"}`] != 2.5 {
		t.Errorf("%v: %v", m, err)
	}
	if _, err := s.get("/other"); err == nil {
		t.Error("404 is no answer")
	}
}
