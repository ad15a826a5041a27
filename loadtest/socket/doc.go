// Package socket is the system calls of a client with many connections: sockets that never block, and an epoll set.
//
// Its one rule: nothing here waits but Poller.Wait. The calls are raw, so the scheduler is not told about each of
// them: that would cost more than the rest of a small answer.
//
// It never knows what the bytes mean.
package socket
