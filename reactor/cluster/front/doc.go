// Package front has workers answer a front end's tools/call: it pushes each call, which is suspended here meanwhile,
// into a queue, and passes on what a worker says.
//
// Its one rule: a call has one end that its client hears of. It is taken out of the table under the lock, and settled
// outside of it. No goroutine waits for one; two there are in all, one that pushes and one that watches the time.
//
// It never knows what a tool does, nor which worker has a call.
package front
