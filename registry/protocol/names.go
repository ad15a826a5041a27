package protocol

// Members of _meta, and names of extensions, which are spelled alike.
const (
	KeyServerInfo   = "io.modelcontextprotocol/serverInfo"
	KeySubscription = "io.modelcontextprotocol/subscriptionId"
	KeyRelatedTask  = "io.modelcontextprotocol/related-task"
	KeyTasks        = "io.modelcontextprotocol/tasks"
)

// List is a list that clients may keep and want to hear about when it changes.
type List uint8

const (
	ListTools List = iota
	ListPrompts
	ListResources // resources and resource templates: one notification stands for both
	// ListCount is the length of arrays indexed by list.
	ListCount
)

// String is how the list is called in methods and, with a suffix, in the filter of a listen.
func (l List) String() string { return [ListCount]string{"tools", "prompts", "resources"}[l] }

// ChangedMethod is the notification that the list has changed.
func (l List) ChangedMethod() string { return "notifications/" + l.String() + "/list_changed" }

// LogLevel orders the levels of RFC 5424 from the least to the most severe (MCP 2025-11-25, server/utilities/logging).
type LogLevel uint8

var logLevels = [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// String is the level's name on the wire.
func (l LogLevel) String() string { return logLevels[l] }

// ParseLogLevel finds a level by its name; false when there is none of that name.
func ParseLogLevel(name []byte) (LogLevel, bool) {
	for i, known := range logLevels {
		if string(name) == known {
			return LogLevel(i), true
		}
	}
	return 0, false
}
