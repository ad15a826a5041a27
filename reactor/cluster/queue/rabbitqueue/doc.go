// Package rabbitqueue has a queue of RabbitMQ (3.8 and later) hold the jobs: a classic queue that rejects what is above
// its length, and an exclusive queue for what is said to each process.
//
// Its one rule: everything is one session, a connection with three channels. When a part of it breaks the session is
// over, and another begins.
//
// It never knows what is in a job.
package rabbitqueue
