package feature

import (
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
	"weir/registry/schema"
)

// Tool is the definition of a tool.
type Tool struct {
	Definition
	// Headers are the arguments that clients of 2026-07-28 repeat as Mcp-Param headers; nil for most tools.
	Headers []protocol.ParamHeader
	// HasUI: it has a user interface of its own (_meta.ui, MCP Apps).
	HasUI bool
}

// taskTool is a tool as tools/list of 2025-11-25 shows it.
type taskTool struct {
	*mcp.Tool
	Execution execution `json:"execution"`
}

type execution struct {
	TaskSupport string `json:"taskSupport"`
}

// DefineTool checks a definition and encodes it for each revision, each form in at most maxBytes. taskSupport is what
// the definition says of tasks; "" says nothing. d must not be changed afterwards.
func DefineTool(d *mcp.Tool, taskSupport string, maxBytes int) (Tool, error) {
	t := Tool{Definition: Definition{Name: d.Name}, HasUI: d.Meta["ui"] != nil}
	if err := checkName(d.Name); err != nil {
		return t, err
	}
	if err := checkIcons(d.Icons); err != nil {
		return t, err
	}
	if err := schema.CheckInput(d.InputSchema); err != nil {
		return t, err
	}
	if d.OutputSchema != nil {
		if err := schema.CheckDefinition(d.OutputSchema); err != nil {
			return t, fmt.Errorf("output schema: %w", err)
		}
	}
	var err error
	if t.Headers, err = protocol.ParamHeaders(d.InputSchema); err != nil {
		return t, err
	}
	return t, t.encode(maxBytes, func(rev *protocol.Revision) any {
		visible := visibleTool(d, rev)
		if rev.Tasks == protocol.TasksAugmented && taskSupport != "" {
			return &taskTool{Tool: visible, Execution: execution{taskSupport}}
		}
		return visible
	})
}

// visibleTool is the part of a definition that a revision knows.
func visibleTool(t *mcp.Tool, rev *protocol.Revision) *mcp.Tool {
	v := *t
	if !rev.Annotations {
		v.Annotations = nil
	}
	hide(rev, &v.Title, &v.Meta, &v.Icons)
	v.InputSchema = schema.Shown(t.InputSchema)
	if !rev.Structured.Allows(schema.DescribesObject(t.OutputSchema)) {
		v.OutputSchema = nil
	}
	return &v
}
