// Package invoke is the command that calls a tool of a server, or lists what there is to call.
//
// Its one rule: what goes wrong has one exit code and a sentence that says what to do.
//
// It speaks with the official SDK's client, which knows both eras; nothing of this server is in it.
package invoke
