// Package concurrency bounds how many calls of one tool run at once: by a number that its author chose, or by one that
// is found while they run (docs/decisions/0054-adaptive-concurrency.md).
//
// The one rule: no call is refused by a number that was found unless more calls at once have brought no more answers.
//
// The package never knows what a tool is, what a call does, or what time it is.
package concurrency
