// Package parcel is what front ends and workers say to each other, as bytes: calls, which travel through a queue, and
// words, which are said besides.
//
// Its one rule: whatever a build sends, another build can tell from whom a call is and which, and so can refuse it by
// name.
//
// It never knows what carries the bytes, nor what a call does.
package parcel
