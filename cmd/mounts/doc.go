// Package mounts makes of what a configuration file says about mounts what a server is given: variables put in, names
// checked, places noted for the log.
//
// Its one rule: what a file leaves open is a mistake with its place, never an empty text.
//
// It never knows how a mount is started, and shows no value of a variable: it may be a secret.
package mounts
