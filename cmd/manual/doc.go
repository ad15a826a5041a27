// Package manual makes the manual page and the shells' completions of a program from what its --help is made of, so
// that the three cannot say different things.
//
// Its one rule: it knows commands and flags as the parser does and adds no word of its own about them.
//
// It never knows what a command does.
package manual
