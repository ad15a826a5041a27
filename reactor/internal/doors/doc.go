// Package doors holds tests of a server with what stands before it in the field: a browser, nginx, HAProxy. All are
// Debian's; the configurations of the balancers are those of docs/deploy with other ports and shorter times.
//
// It never looks inside the server: what a test sees came through the door.
package doors
