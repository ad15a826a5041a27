// Package hostile is clients that misbehave: they read slowly or never, send half a request, garbage, or a message
// without end.
//
// Its one rule: each client is there all the time. What the server ends comes again after a second, and how it ended
// is counted by kind and by what the server said last.
//
// Kinds is the table of them; behaviour.go is what each does. It never knows scenarios or marks.
package hostile
