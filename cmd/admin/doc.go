// Package admin serves operators and scrapers: metrics, health, status, alerts and profiles, on a listener of its own.
//
// Its one rule: it is plain net/http and shares nothing with the loops, so it answers when they cannot. Its readers are
// never MCP clients.
//
// It never knows where the values come from; a Source tells them.
package admin
