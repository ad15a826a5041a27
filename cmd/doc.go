// Package cmd is the weir program, as a library: Main runs it around anybody's tools, under their name and version. It
// has the commands serve, stdio, load, token and version, the configuration file, the flags, tokens, the admin listener
// and the log.
//
// Its one rule: it puts together and decides nothing. What a key means is said where its Options are, and whatever a
// client can notice happens in reactor and registry.
//
// It never knows what is offered, nor a message. Only main packages import it: weir, and those of whoever has tools.
package cmd
