// Package work has a worker serve what front ends leave in a queue: it takes no more than it has room for, runs each
// call through the same pipeline as a client's, with the same bounds, and says what came of it.
//
// Its one rule: a job that was taken is answered or failed by name, and only then done. So whatever ends a worker, the
// broker still has what it had begun, and another worker hears that it is given again.
//
// Calls come to the loops on connections without a peer (desk.go): what a pipeline knows of a connection, its lane and
// its bounds, stands for a share of the worker's credit. Two goroutines take and say; none waits for a call.
//
// It never knows what a tool does, nor who the client is beyond what the front end says.
package work
