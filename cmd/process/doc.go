// Package process reads what this process uses: memory with and without garbage, descriptors, how long its goroutines
// wait for a processor.
//
// Its one rule: a reading costs microseconds and stops nothing.
//
// It never knows what is done about it.
package process
