// Package nodeid makes and reads the ids that clients are given for what one node of a cluster keeps: sessions, tasks,
// streams. Such an id says which node that is, so that any node knows where to send a request, without a table:
//
//	<node>.<random>.<mac>
//
// The random part is what makes an id a secret: 26 characters of base32 from the system's random source, at least 128
// bits. The mac is what keeps an invented id from leaving the node that gets it: 80 bits of AES-CBC-MAC under a key of
// the cluster, in 16 characters. It is no proof of who a client is.
//
// Its one rule: reading an id allocates nothing and asks nobody.
//
// It never knows what an id is of, beyond a byte that keeps kinds apart, nor whether that exists.
package nodeid
