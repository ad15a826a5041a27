// Package meter is what an engine counts: messages by their method, and the calls of handlers in sum.
//
// Its one rule: labels are bounded, methods by the engine's table and tools by what is offered.
//
// It never knows a message; a call has its own series (package call). docs/METRICS.md says what each is.
package meter
