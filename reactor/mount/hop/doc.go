// Package hop is what changes in a message on its way between a client and a mount: requests of a mount's calls, put
// together from the bytes of what came, and what a mount says while it works, in its client's words.
//
// Its one rule: what the protocol keeps in _meta belongs to one hop. A client's is left out, and ours put in its place;
// everything else passes byte for byte.
//
// It never knows a connection, or which call a message belongs to.
package hop
