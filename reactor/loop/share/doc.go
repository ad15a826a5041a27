// Package share is how long a loop may go on before it lets others have its core.
//
// A loop and the workers share the cores, and the runtime stops neither of them before 10 ms. So a loop that has much
// to do lets the others go on from time to time, and they it (backpressure.Worker). What it may do until then is as
// much as it has waited the last time, within bounds: it gets half of a core where it needs so much, whatever the
// tools' calls take. With a fixed number of events it got a tenth beside tools of 1 ms, less than refusals took at ten
// times the load, and they were told after 150 ms (docs/decisions/0052-a-loops-share.md).
//
// Its one rule: what a loop may do is what it has waited for, within bounds.
//
// It never knows what a loop does, nor who the others are.
package share
