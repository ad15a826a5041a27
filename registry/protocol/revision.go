package protocol

import (
	"strings"

	"weir/codec"
)

// This file holds everything that differs between revisions of MCP. Other files ask a revision for a property; none
// compares versions.

// Revision is one row of the protocol's history. Rows are constant and shared: use them by pointer, write to none.
type Revision struct {
	// Version is the revision's name on the wire.
	Version string
	// Set holds this revision alone.
	Set RevisionSet
	// Modern: every request carries its revision and capabilities in params._meta, results say their type and who
	// answers, and over HTTP headers repeat the body (MCP 2026-07-28, basic/index and basic/transports).
	Modern bool
	// Batches: a JSON array of messages is received (MCP 2025-03-26, basic/index; gone again with 2025-06-18).
	Batches bool
	// Streams: a session may be listened to with GET (MCP 2025-03-26 to 2025-11-25, basic/transports). Primes: such a
	// stream begins with an event without data, from whose id the client may resume (SEP-1699); earlier clients would
	// parse it.
	Streams, Primes bool
	// Annotations (of tools; with the message of progress), Titles (with _meta of what is listed and of contents,
	// structured output, and since when annotations hold) and Icons are members that clients of earlier revisions have
	// not heard of and that some validate against.
	Annotations, Titles, Icons bool
	// Audio and Links: results may hold audio and links to resources. Texts, images and embedded resources are in all
	// revisions. What belongs to sampling alone (tool_use, tool_result) is in none.
	Audio, Links bool
	// Completions: the capability has a name. Before, the method was there and nothing said so.
	Completions bool
	// ResourceNotFound is the code of a resources/read for nothing (SEP-2164 gave up one of its own).
	ResourceNotFound int
	// Structured says which structuredContent and outputSchema may leave. Before 2026-07-28 both describe objects.
	Structured structuredRule
	// ArgumentsAreResults: arguments that do not fit the tool's schema are a tool result with isError, which the
	// model sees and corrects (SEP-1303, since 2025-11-25); before, they were listed under protocol errors.
	ArgumentsAreResults bool
	// Tasks says how a call becomes a task, and by whose wish.
	Tasks taskRule
}

// taskRule says how a call becomes a task.
type taskRule uint8

const (
	tasksUnknown taskRule = iota // to the revision: every call is answered with its result
	// TasksAugmented: params.task asks for one (MCP 2025-11-25, basic/utilities/tasks).
	TasksAugmented
	// TasksExtension: the client declares the extension and the server decides (SEP-2663).
	TasksExtension
)

// Capability is the member by which a server says in its capabilities that it has tasks, with a comma before it.
func (r taskRule) Capability() string {
	return [...]string{
		tasksUnknown:   "",
		TasksAugmented: `,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`,
		TasksExtension: `,"extensions":{"` + KeyTasks + `":{}}`,
	}[r]
}

// structuredRule says which structured content may leave.
type structuredRule uint8

const (
	structuredUnknown structuredRule = iota // to the revision: neither schema nor content leaves
	structuredObjects                       // JSON objects only
	structuredAny                           // any JSON value (SEP-2106)
)

// Allows says whether structured content that is an object, or a schema that describes objects, may leave; or one that
// is not, or does not.
func (r structuredRule) Allows(object bool) bool {
	return r == structuredAny || r == structuredObjects && object
}

// RevisionSet says in which revisions something exists, such as a method.
type RevisionSet uint8

// One bit per revision, and what is asked for together.
const (
	revision20241105 RevisionSet = 1 << iota
	revision20250326
	revision20250618
	Revision20251125
	revision20260728

	LegacyRevisions = revision20241105 | revision20250326 | revision20250618 | Revision20251125
	ModernRevisions = revision20260728
	EveryRevision   = LegacyRevisions | ModernRevisions
)

// Places in the table, which is in order of time.
const (
	// RevisionCount is the length of arrays indexed by revision.
	RevisionCount = 5
	// LatestRevision is the place of the newest.
	LatestRevision = RevisionCount - 1
	// LatestLegacy answers an initialize that asks for a version we do not have: the latest we can hold a conversation
	// in (MCP 2025-11-25, basic/lifecycle, version negotiation).
	LatestLegacy = 3
)

// revisions is the table, oldest first.
var revisions = [RevisionCount]Revision{
	{Version: "2024-11-05", Set: revision20241105, ResourceNotFound: codec.CodeResourceNotFound},
	{Version: "2025-03-26", Set: revision20250326, Batches: true, Streams: true, Annotations: true, Audio: true,
		Completions: true, ResourceNotFound: codec.CodeResourceNotFound},
	{Version: "2025-06-18", Set: revision20250618, Streams: true, Annotations: true, Titles: true, Audio: true,
		Links: true, Completions: true, ResourceNotFound: codec.CodeResourceNotFound, Structured: structuredObjects},
	{Version: "2025-11-25", Set: Revision20251125, Streams: true, Primes: true, Annotations: true, Titles: true,
		Icons: true, Audio: true, Links: true, Completions: true, ResourceNotFound: codec.CodeResourceNotFound,
		Structured: structuredObjects, ArgumentsAreResults: true, Tasks: TasksAugmented},
	{Version: "2026-07-28", Set: revision20260728, Modern: true, Annotations: true, Titles: true, Icons: true,
		Audio: true, Links: true, Completions: true, ResourceNotFound: codec.CodeInvalidParams,
		Structured: structuredAny, ArgumentsAreResults: true, Tasks: TasksExtension},
}

// RevisionAt is the revision at a place in the table, 0 to RevisionCount-1, oldest first.
func RevisionAt(i int) *Revision { return &revisions[i] }

// FindRevision finds the place of a version as it is spelled on the wire; -1 when we do not have it.
func FindRevision(version []byte) int {
	for i := RevisionCount - 1; i >= 0; i-- { // newest first: it is asked for on every modern request
		if string(version) == revisions[i].Version {
			return i
		}
	}
	return -1
}

// SupportedVersions is the JSON array that server/discover and refused versions carry, newest first.
func SupportedVersions() string { return supportedVersions }

var supportedVersions = func() string {
	var b strings.Builder
	for i := RevisionCount - 1; i >= 0; i-- {
		b.WriteString(`,"` + revisions[i].Version + `"`)
	}
	return "[" + b.String()[1:] + "]"
}()
