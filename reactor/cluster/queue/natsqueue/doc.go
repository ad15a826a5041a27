// Package natsqueue has a JetStream of NATS be the queue: a work queue stream in memory that discards what is new when
// it is full, a durable pull consumer that all workers share, and core NATS for what is said besides.
//
// Its one rule: nothing waits for the server beyond the deadline. A stream that is gone, because a server has
// restarted, is made anew.
//
// It never knows what is in a job.
package natsqueue
