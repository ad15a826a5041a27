// Package socket makes system calls on descriptors that never block: it reads, writes, accepts, polls and listens, and
// asks the kernel what it holds.
//
// Its one rule: what a loop calls for each event neither allocates nor tells the scheduler that a call begins. To
// listen is done once, and may.
//
// It never knows a connection, nor what the bytes mean. All of it is for any goroutine; whoever owns a descriptor sees
// to it that nobody uses one that is closed.
package socket
