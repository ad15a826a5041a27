// Package sdk takes over what a server of the official Go SDK offers: its tools, prompts, resources and templates are
// offered elsewhere, and their calls run the server's own handlers through its own middleware.
//
// Its one rule: no session, connection or goroutine stands behind a client. The server has sessions of ours for good:
// those that calls share, and one that hears of changed lists.
//
// It never knows where the offer goes, how a call came, or how it is answered: that is the Target's.
package sdk
