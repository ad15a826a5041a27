// Package result turns what handlers return into the bytes that clients read: the results of tools/call, prompts/get,
// resources/read and completion/complete, pages of lists, and the greetings (initialize, server/discover). What is the
// same in every answer is encoded once and copied (Encoder).
//
// The one rule: nothing that a handler returned is written to, and nothing longer than Options.MaxBytes is built, so
// one result may be returned to many calls and none can fill the memory.
//
// The package never knows who asked beyond the request's id and revision, and never runs a handler.
package result
