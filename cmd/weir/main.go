// Command weir is an MCP server with nothing but the demonstration tools: to try, to measure, and to show how a program
// around tools of one's own begins.
package main

import "weir/cmd"

// version is stamped by the Makefile; a plain `go build` says dev.
var version = "dev"

func main() { cmd.Main(cmd.Program{Name: "weir", Version: version}) }
