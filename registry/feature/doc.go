// Package feature is what a server offers: sets of tools, prompts, resources and resource templates, each entry with
// its definition encoded for every revision of MCP when it is added, so that a page of a list is a copy of prepared
// bytes. It also says which part of a definition or of a content a revision may see.
//
// Its one rule: a client is never shown what its revision does not know, and nothing that a handler or an author handed
// in is written to.
//
// It never knows how an entry is run, who asks for it, or over what: what a set holds is the caller's own type, which
// embeds a Definition.
package feature
