// Package offer is what a server offers, found by what a message names: tools, prompts, resources, templates, and what
// a completion completes.
//
// Clients come to an Endpoint: the main one, where everything is offered, or one that has a name, such as a mount's.
// What one client is offered there is a View: all of it, or what its principal may see (Options). An entry is encoded
// once, however many views have it; a view is kept up when an entry comes or goes, and looks nothing up when it is
// asked.
//
// Its one rule: what is looked up on a loop is looked up by its name; only a worker tries templates.
//
// It never knows a message, or how an entry is run.
package offer
