// Package child runs programs: started with a clean environment and a process group of their own, heard on a socket
// pair and a pipe, ended by the end of their input, SIGTERM and SIGKILL.
//
// Its one rule: nothing is left of a program that has ended, or whose server was killed.
//
// It never knows what a program says.
package child
