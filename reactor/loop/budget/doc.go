// Package budget bounds what all connections together hold of one kind, such as unread answers, and chooses who gives
// way when there is no room left.
//
// Its one rule: who holds little never gives way, and costs no lock.
//
// It never knows what is held, nor what giving way is.
package budget
