package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/cmd/exposition"
	"weir/reactor/auth"
)

// Source is what the pages show. Its functions are called from any goroutine; none is nil.
type Source struct {
	Metrics *metrics.Set
	Status  func() any           // marshalled as JSON
	Alerts  func() any           // the same
	Refusal func() (word string) // why new work is turned away; "" when the server is ready
	Admins  func() *auth.Tokens  // who may read more than health; nil: everybody

	Cluster func() any // what /cluster shows, as JSON

	Live func(since int64) any // what the page draws, as JSON, with the curves after a second of Unix time
	// Connections are those that a filter leaves; an error is told to who asked, with the status that statusOf has for it.
	Connections func(filter url.Values) (any, error)
	// Kick ends a connection by its id, in the name of a principal.
	Kick func(id, by string) error
	// StatusOf is the status of an answer to an error of the former two, and its reason in a word.
	StatusOf func(error) (status int, word string)
}

// handler routes and guards; hosts are the names beside localhost and IP addresses that a request may address.
func handler(source Source, hosts []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var samples bytes.Buffer
		source.Metrics.WritePrometheus(&samples)
		metrics.WriteProcessMetrics(&samples)
		w.Header().Set("Content-Type", exposition.ContentType)
		w.Write(exposition.Page(samples.Bytes()))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if word := source.Refusal(); word != "" {
			status := http.StatusServiceUnavailable
			if word == backpressure.Draining.String() { // what HAProxy's disable-on-404 takes for an end in order
				status = http.StatusNotFound
			}
			writeJSON(w, status, map[string]string{"status": "refusing", "reason": word})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	for path, page := range map[string]func() any{"/status": source.Status, "/cluster": source.Cluster,
		"/alerts": func() any { return map[string]any{"alerts": source.Alerts()} }} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, page()) })
	}
	// For people the page, for programs what there is.
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if wantsPage(r) {
			writePage(w, http.StatusOK)
			return
		}
		writeJSON(w, http.StatusOK, map[string][]string{"pages": {"/status", "/alerts", "/metrics", "/healthz", "/readyz",
			"/live", "/connections", "/cluster", "/debug/pprof/"}})
	})
	source.handleLive(mux)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page in the operator's browser may point a name of its own at this address (DNS rebinding), or simply ask
		// for a 30 s profile in an image tag. Neither passes for a scraper.
		if !knownHost(r.Host, hosts) {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "host_not_allowed"})
			return
		}
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "cross_site"})
			return
		}
		if r.Method == http.MethodPost && !sameOrigin(r) {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "cross_origin"})
			return
		}
		if admins := source.Admins(); admins != nil && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			who, refusal := admins.Identify([]byte(r.Header.Get("Authorization")), time.Now().Unix())
			if refusal != auth.Good {
				askForToken(w, r, refusal)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), principalKey{}, who.Principal))
		}
		mux.ServeHTTP(w, r)
	})
}

// knownHost accepts localhost, IP addresses as such (a rebound name never is one), and the configured names.
func knownHost(header string, hosts []string) bool {
	host := bytes.TrimSuffix(auth.Hostname([]byte(header)), []byte("."))
	if _, err := netip.ParseAddr(string(host)); err == nil || auth.IsLoopback(host) {
		return true
	}
	return slices.ContainsFunc(hosts, func(allowed string) bool { return strings.EqualFold(allowed, string(host)) })
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeText(w, status, text)
}

// writeText writes what is JSON already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a reader that went away is its own loss
}
