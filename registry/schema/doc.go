// Package schema checks and decodes the arguments of a typed tool, and encodes and checks its output. It finds what the
// JSON of a Go type looks like by encoding/json's rules, writes the schema from that, and refuses types that no JSON
// could fill (docs/TYPES.md).
//
// Its one rule: jsonschema-go has the last word on values. The flat checker (flat.go) may only say "certainly valid" or
// "ask the validator", so that the usual case costs one pass and no memory, and nobody is judged by two rules. What
// fits the schema may still not fit the Go type: no number changes its digits (decode.go).
//
// It takes JSON that codec.Scan has checked: valid, in UTF-8, no key twice. It never knows a tool, a message or a
// client.
package schema
