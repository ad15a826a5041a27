// Package live says how a server does now and did in the last ten minutes, for people: the admin page and the command
// top read the same Look.
//
// Its one rule: there is one source. What has a series is read from the series, so that page, top and /metrics cannot
// say different things; once a second the few figures that are drawn as curves are kept, in a ring of ten minutes.
//
// It never knows who looks, nor how it is shown.
package live
