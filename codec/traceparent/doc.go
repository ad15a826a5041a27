// Package traceparent is the text by which a request says which trace it belongs to (W3C Trace Context, 3.2 and 3.3).
//
// Its one rule: what the grammar does not allow is as if it had not been sent.
//
// It never knows whether anybody looks at the trace, nor where the text stood.
package traceparent
