// Package schema checks and decodes the arguments of a typed tool, and encodes and checks its output.
//
// Its one rule: jsonschema-go has the last word. The flat checker (flat.go) may only say "certainly valid" or "ask the
// validator", so that the usual case costs one pass and no memory, and nobody is judged by two rules.
//
// It takes JSON that codec.Scan has checked: valid, in UTF-8, no key twice. It never knows a tool, a message or a
// client.
package schema
