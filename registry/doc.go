// Package registry is what authors of servers import: a Registry holds the tools, prompts, resources and resource
// templates that a server offers, each a definition of the SDK's (package mcp) and a function that handles it, and
// package reactor serves it.
//
// New makes one; AddTool, AddPrompt, AddResource, AddResourceTemplate and SetCompletion register, before or while it is
// served, with options that say how the function runs (Cheap, Timeout, Tasks, ...); Adopt takes over a whole server of
// the SDK. ResourceUpdated tells clients when a resource is worth reading again. In handlers, with their context,
// Progress and Log tell the client how it goes, and CloseStream lets a long call hold no connection. The examples show
// each.
//
// A handler that needs input (elicitation, sampling, roots) returns a result with InputRequests and is called again,
// from its beginning: with the answers in Params.InputResponses, by the same keys and as pointers (*mcp.ElicitResult),
// and with the RequestState that it returned, which no client can read or change. So it asks before it acts.
//
// The one rule: what cannot be served is refused when it is registered, with a panic if the program itself is wrong, so
// that no client meets it.
//
// The package never knows how messages travel, nor how they are answered: that is package engine, for those who read
// on.
package registry
