// Package redisqueue has a stream of Redis (6.2 and later) be the queue: a consumer group takes from it, scripts hold
// its bounds, and what is said besides is published.
//
// Its one rule: what must not come apart is one script. Redis has no bound of a stream that refuses, so pushing counts
// and adds in one go, and doing acknowledges, deletes and counts back.
//
// It never knows what is in a job.
package redisqueue
