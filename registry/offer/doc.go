// Package offer is what a server offers, found by what a message names: tools, prompts, resources, templates, and what
// a completion completes.
//
// Its one rule: what is looked up on a loop is looked up by its name; only a worker tries templates.
//
// It never knows a message, or how an entry is run.
package offer
