package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"weir/reactor/auth"
)

// What the page in a browser reads, and the one thing that it can change.

// principalKey is where the principal of a request's token is in its context.
type principalKey struct{}

func (source *Source) handleLive(mux *http.ServeMux) {
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		since := int64(0)
		if text := r.FormValue("since"); text != "" {
			var err error
			if since, err = strconv.ParseInt(text, 10, 64); err != nil {
				writeJSON(w, http.StatusBadRequest, map[string]string{"reason": "bad_filter",
					"hint": "since: allowed is a second of Unix time"})
				return
			}
		}
		text, err := json.Marshal(source.Live(since)) // not indented: it is read once a second
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		writeText(w, http.StatusOK, text)
	})
	mux.HandleFunc("GET /connections", func(w http.ResponseWriter, r *http.Request) {
		filter, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil { // Query would leave out what it cannot read
			writeJSON(w, http.StatusBadRequest, map[string]string{"reason": "bad_filter",
				"hint": "filters: allowed is name=value, with & between them and %3B for a semicolon"})
			return
		}
		list, err := source.Connections(filter)
		if err != nil {
			source.tell(w, err)
			return
		}
		writeJSON(w, http.StatusOK, list)
	})
	mux.HandleFunc("POST /kick", func(w http.ResponseWriter, r *http.Request) {
		// On loopback everybody on the machine may look. To end what is another's takes somebody with a name.
		by, known := r.Context().Value(principalKey{}).(string)
		if !known {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "no_tokens",
				"hint": "set admin_tokens_file: connections are ended only by who has one of its tokens"})
			return
		}
		id := r.URL.Query().Get("id")
		if err := source.Kick(id, by); err != nil {
			source.tell(w, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"kicked": id})
	})
}

// tell tells an error.
func (source *Source) tell(w http.ResponseWriter, err error) {
	status, word := source.StatusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, map[string]string{"reason": word, "hint": err.Error()})
}

// sameOrigin says whether a request that changes something comes from this listener's own page, or from no browser.
// Browsers say so in Sec-Fetch-Site, older ones in Origin alone. The scheme is not compared: a proxy may have ended
// TLS.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	from := r.Header.Get("Origin")
	if from == "" {
		return true
	}
	origin, err := url.Parse(from)
	return err == nil && origin.Host != "" && origin.Host == r.Host
}

// askForToken refuses who has no good token. A browser that comes for the page gets it all the same, with this status:
// it holds no values, and asks for the token.
func askForToken(w http.ResponseWriter, r *http.Request, refusal auth.Refusal) {
	w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 11.6.1
	if r.Method == http.MethodGet && r.URL.Path == "/" && wantsPage(r) {
		writePage(w, http.StatusUnauthorized)
		return
	}
	writeJSON(w, http.StatusUnauthorized, map[string]string{"reason": refusal.String(),
		"hint": "send Authorization: Bearer and a token of admin_tokens_file"})
}
