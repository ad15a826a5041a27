package live

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/codec/option"
	"weir/reactor/census"
	"weir/reactor/loop"
)

// Roll is a page of the connections that a filter leaves.
type Roll struct {
	Open    int    `json:"open"`
	Matched int    `json:"matched"`
	Missing int    `json:"missing_loops,omitempty"` // that did not answer within a second
	Rows    []Row  `json:"rows"`
	Next    string `json:"next,omitempty"` // for after=, when there are more
}

// Row is a connection. Times are in seconds.
type Row struct {
	ID        string `json:"id"`
	Transport string `json:"transport"`
	Peer      string `json:"peer"` // "" on Unix sockets
	Principal string `json:"principal"`
	Age       int64  `json:"age"`
	Silent    Number `json:"silent"`
	Bytes     int    `json:"bytes"`
	InFlight  int    `json:"in_flight"`
	Paused    bool   `json:"paused"`
}

// Mistake is a filter or a name that cannot be understood. It says what can.
type Mistake string

// Error implements error.
func (m Mistake) Error() string { return string(m) }

// ErrGone says that a connection is not there (any more).
var ErrGone = errors.New("no connection has this id (any more)")

// defaultRows is how many rows a page has unless rows= says otherwise.
const defaultRows = 50

// filter is a parameter of a list: what it may be, and what it does to the query.
type filter struct {
	allowed string
	to      func(q *census.Query, value string) error
}

var errNotAllowed = errors.New("not allowed")

var filters = map[string]filter{
	"transport": {"a transport, such as tcp", func(q *census.Query, v string) error { q.Transport = v; return nil }},
	"principal": {"the name of a principal", func(q *census.Query, v string) error { q.Principal = v; return nil }},
	"peer": {"an address or a network, such as 10.0.0.7 or 10.0.0.0/8", func(q *census.Query, v string) (err error) {
		if !strings.Contains(v, "/") {
			addr, err := netip.ParseAddr(v)
			q.Peer = netip.PrefixFrom(addr, addr.BitLen())
			return err
		}
		q.Peer, err = netip.ParsePrefix(v)
		return err
	}},
	"min_age": {aTime, func(q *census.Query, v string) (err error) { q.MinAge, err = time.ParseDuration(v); return err }},
	"min_silent": {aTime, func(q *census.Query, v string) (err error) {
		q.MinSilence, err = time.ParseDuration(v)
		return err
	}},
	"min_bytes": {"a size, such as 64 KiB", func(q *census.Query, v string) error {
		n, err := option.ParseSize(v)
		q.MinBytes = int(n)
		return err
	}},
	"min_in_flight": {"a number", func(q *census.Query, v string) (err error) {
		q.MinInFlight, err = strconv.Atoi(v)
		return err
	}},
	"rows": {fmt.Sprintf("1 to %d", census.MaxRows), func(q *census.Query, v string) (err error) {
		if q.Rows, err = strconv.Atoi(v); err == nil && (q.Rows < 1 || q.Rows > census.MaxRows) {
			err = errNotAllowed
		}
		return err
	}},
	"sort": {strings.Join(census.Orders(), ", "), func(q *census.Query, v string) (err error) {
		order, known := census.OrderOf(v)
		if q.Order = order; !known {
			err = errNotAllowed
		}
		return err
	}},
	"after": {"what next was of the page before", func(q *census.Query, v string) error {
		q.After = new(census.Mark)
		_, err := fmt.Sscanf(v, "%d.%d.%d.%d", &q.After.Key, &q.After.Loop, &q.After.Slot, &q.After.Generation)
		return err
	}},
}

const aTime = "a length of time, such as 30s or 10m"

// query is what the parameters of a list ask for; those that are empty ask for nothing.
func query(values url.Values) (census.Query, error) {
	q := census.Query{Rows: defaultRows}
	for name := range values {
		set, value := filters[name], strings.TrimSpace(values.Get(name))
		if set.to == nil {
			known := []string{}
			for name := range filters {
				known = append(known, name)
			}
			slices.Sort(known)
			return q, Mistake(fmt.Sprintf("%s: unknown; allowed is %s", name, strings.Join(known, ", ")))
		}
		if len(values[name]) > 1 {
			return q, Mistake(fmt.Sprintf("%s: is there %d times; allowed is once", name, len(values[name])))
		}
		if value == "" {
			continue
		}
		if set.to(&q, value) != nil {
			return q, Mistake(fmt.Sprintf("%s: %q: allowed is %s", name, value, set.allowed))
		}
	}
	return q, nil
}

// List lists the connections of a server that started then. An error is a Mistake, or says when to come again.
func List(c *census.Census, started time.Time, values url.Values) (Roll, error) {
	q, err := query(values)
	if err != nil {
		return Roll{}, err
	}
	page, err := c.List(q)
	if err != nil {
		return Roll{}, err
	}
	roll := Roll{Open: page.Open, Matched: page.Matched, Missing: page.Missing, Rows: []Row{}}
	for _, r := range page.Rows {
		roll.Rows = append(roll.Rows, Row{ID: nameOf(r.ID, started), Transport: r.Transport, Peer: r.Peer,
			Principal: r.Principal, Age: int64(r.Age / time.Second), Silent: Number(r.Silence.Seconds()), Bytes: r.Bytes,
			InFlight: r.InFlight, Paused: r.Paused})
	}
	if m := page.Next; m != nil {
		roll.Next = fmt.Sprintf("%d.%d.%d.%d", m.Key, m.Loop, m.Slot, m.Generation)
	}
	return roll, nil
}

// nameOf is what people call a connection. It begins with the start of its server, so that the name of one that a
// former process had is nobody's.
func nameOf(id loop.ID, started time.Time) string {
	return fmt.Sprintf("%s-%d-%d-%d", strconv.FormatInt(started.Unix(), 36), id.Loop, id.Slot, id.Generation)
}

// Kick ends the connection of that name, of a server that started then. An error is a Mistake, ErrGone, or says that
// its loop does not answer.
func Kick(c *census.Census, started time.Time, name string) error {
	var id loop.ID
	begun, rest, _ := strings.Cut(name, "-")
	if _, err := fmt.Sscanf(rest, "%d-%d-%d", &id.Loop, &id.Slot, &id.Generation); err != nil {
		return Mistake("id: allowed is the id of a row of /connections")
	}
	if begun != strconv.FormatInt(started.Unix(), 36) {
		return ErrGone
	}
	was, err := c.Kick(id)
	if err == nil && !was {
		err = ErrGone
	}
	return err
}

// StatusOf is what HTTP answers to an error of List and Kick, with a word for it.
func StatusOf(err error) (status int, word string) {
	var mistake Mistake
	switch {
	case errors.As(err, &mistake):
		return http.StatusBadRequest, "bad_filter"
	case errors.Is(err, ErrGone):
		return http.StatusNotFound, "connection_gone"
	case errors.Is(err, census.ErrBusy):
		return http.StatusServiceUnavailable, "list_busy"
	}
	return http.StatusServiceUnavailable, "loop_stuck"
}
