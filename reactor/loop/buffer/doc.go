// Package buffer keeps the arrays in which bytes wait, by size classes.
//
// Its one rule: a buffer has one owner, who gives it back once or leaves it to the garbage collector.
//
// It never knows what the bytes are, nor on whose account they stand.
package buffer
