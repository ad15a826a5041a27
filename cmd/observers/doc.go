// Package observers is who looks on at a server's requests: its traces and its audit log, opened, read again and ended
// together.
//
// It never knows what a request is.
package observers
