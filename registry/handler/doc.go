// Package handler makes what an engine runs of what an author registers: of a definition, a function and its options an
// entry (Tool, Prompt, Resource, Template, Completion) that can be invoked with a call. It checks and decodes what the
// function is given, and checks what a typed one returns.
//
// The one rule: what a function is given is its own, in one piece of memory per call, and may be kept; what it returns
// is handed on as it is.
//
// The package never knows who else is registered, and never answers: a panic, a timeout and an error are the caller's.
package handler
