// Package value is JSON values on their way between the wire and a handler: numbers that keep their digits, and text
// that is fit to leave.
//
// Its one rule: no number changes its digits. What a float64 cannot hold stays a json.Number, and nothing is rounded in
// silence (docs/TYPES.md).
//
// It never knows a schema, a tool or a message.
package value
