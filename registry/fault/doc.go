// Package fault is what the engine says no with: errors that are the same every time, encoded once. One whose data has
// executed:false is a refusal; every other is a fault of who asked, or of a handler.
//
// Its one rule: nobody writes to them.
//
// It never knows which message is refused.
package fault
