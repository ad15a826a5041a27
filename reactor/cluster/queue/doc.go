// Package queue is the place where front ends leave calls for workers, and workers leave answers for front ends: one
// interface, which the engines below this package implement (natsqueue, redisqueue, rabbitqueue).
//
// Its one rule: a job that was taken in is with the broker until a worker says that it is done. A broker that has no
// room says so at once, and one that is gone is named within the deadline.
//
// It never knows what a job or a message says (package parcel), nor who makes one (packages front and work). The order
// of jobs is not promised.
package queue
