package cluster

// The kinds of membership. They are this package's own.
const (
	kindBeat Kind = FirstMembership + 1 // a Beat, to all or to one
	kindPing Kind = FirstMembership + 2 // its id is the sender's clock
	kindPong Kind = FirstMembership + 3 // the id of the ping that it answers
)
