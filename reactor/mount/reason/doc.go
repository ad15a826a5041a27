// Package reason is why a mount is not there, why a call was not answered by it, and why a line of its is heard by
// nobody.
//
// Its one rule: one word for one reason, in the log, in metrics and in what clients are told.
//
// It never knows a mount, or a call.
package reason
