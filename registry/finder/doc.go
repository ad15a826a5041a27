// Package finder has two tools stand for more than a model's context has room for: find_tools, which finds tools by
// what they do, and call_tool, which calls one by its name. They are listed instead of the tools of a view; what is not
// listed can be called by its own name all the same.
//
// Its one rule: call_tool is no call of its own. A message that names it is aimed at the tool that it means before
// anything else looks at it, so that whatever becomes of a call (admission, limits, metrics, tasks, cancellation) is
// the tool's.
//
// The package never knows how a call is run, nor who may see which tool: a view is whatever list it is shown.
package finder
