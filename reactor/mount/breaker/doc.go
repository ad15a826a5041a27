// Package breaker decides whether a mount that has failed again and again is asked once more.
//
// Its one rule: only failures to be answered count. Whatever is answered, also an error, shows that the other side
// works.
//
// It never knows what a call is, and reads no clock: its user says the time.
package breaker
