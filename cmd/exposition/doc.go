// Package exposition is the page that Prometheus reads: each series under its help and its type.
//
// The metrics library writes values; Sections says in one place what each series is, and docs/METRICS.md is made from
// it.
// The one rule: a series that is shown and not listed is a failing test.
//
// The package never knows where a value comes from.
package exposition
