package registry

import (
	"strings"

	"weir/codec"
)

// This file holds everything that differs between revisions of MCP. Other files ask a revision for a property; none
// compares versions.

// revision is one column of the protocol's history. Rows of the table are constant and shared.
type revision struct {
	version string
	set     revisionSet
	// modern: every request carries its revision and capabilities in params._meta, results say their type and who
	// answers, and over HTTP headers repeat the body (MCP 2026-07-28, basic/index and basic/transports).
	modern bool
	// batches: a JSON array of messages is received (MCP 2025-03-26, basic/index; gone again with 2025-06-18).
	batches bool
	// streams: a session may be listened to with GET (MCP 2025-03-26 to 2025-11-25, basic/transports). primes: such a
	// stream begins with an event without data, from whose id the client may resume (SEP-1699); earlier clients would
	// parse it.
	streams, primes bool
	// annotations (of tools; with the message of progress), titles (with _meta of what is listed and of contents, structured output, and since when
	// annotations hold) and icons: members that clients of earlier revisions have not heard of and that some validate against.
	annotations, titles, icons bool
	// contents: the types that results may hold beside texts, images and embedded resources (content.go).
	contents contentTypes
	// completions: the capability has a name. Before, the method was there and nothing said so.
	completions bool
	// resourceNotFound is the code of a resources/read for nothing (SEP-2164 gave up one of its own).
	resourceNotFound int
	// structured: which structuredContent and outputSchema may leave. Before 2026-07-28 both describe objects.
	structured structuredRule
	// argumentsAreResults: arguments that do not fit the tool's schema are a tool result with isError, which the
	// model sees and corrects (SEP-1303, since 2025-11-25); before, they were listed under protocol errors.
	argumentsAreResults bool
	// tasks: how a call becomes a task, and by whose wish.
	tasks taskRule
}

type taskRule uint8

const (
	tasksNone      taskRule = iota // unknown to the revision: every call is answered with its result
	tasksAugmented                 // params.task asks for one (MCP 2025-11-25, basic/utilities/tasks)
	tasksExtension                 // the client declares the extension and the server decides (SEP-2663)
)

type structuredRule uint8

const (
	structuredNone    structuredRule = iota // unknown to the revision: neither schema nor content leaves
	structuredObjects                       // JSON objects only
	structuredAny                           // any JSON value (SEP-2106)
)

// revisionSet says in which revisions a method exists.
type revisionSet uint8

const (
	rev20241105 revisionSet = 1 << iota
	rev20250326
	rev20250618
	rev20251125
	rev20260728

	legacyRevisions = rev20241105 | rev20250326 | rev20250618 | rev20251125
	modernRevisions = rev20260728
	everyRevision   = legacyRevisions | modernRevisions
)

// revisionCount is the length of arrays indexed by revision.
const revisionCount = 5

// revisions is the table, oldest first.
var revisions = [revisionCount]revision{
	{version: "2024-11-05", set: rev20241105, resourceNotFound: codec.CodeResourceNotFound},
	{version: "2025-03-26", set: rev20250326, batches: true, streams: true, annotations: true, contents: contentAudio, completions: true,
		resourceNotFound: codec.CodeResourceNotFound},
	{version: "2025-06-18", set: rev20250618, streams: true, annotations: true, titles: true,
		contents: contentAudio | contentLinks, completions: true,
		resourceNotFound: codec.CodeResourceNotFound, structured: structuredObjects},
	{version: "2025-11-25", set: rev20251125, streams: true, primes: true, annotations: true, titles: true, icons: true,
		contents: contentAudio | contentLinks, completions: true,
		resourceNotFound: codec.CodeResourceNotFound, structured: structuredObjects, argumentsAreResults: true, tasks: tasksAugmented},
	{version: "2026-07-28", set: rev20260728, modern: true, annotations: true, titles: true, icons: true,
		contents: contentAudio | contentLinks, completions: true,
		resourceNotFound: codec.CodeInvalidParams, structured: structuredAny, argumentsAreResults: true, tasks: tasksExtension},
}

// latestLegacy answers an initialize that asks for a version we do not have: the latest we can hold a conversation in
// (MCP 2025-11-25, basic/lifecycle, version negotiation).
const latestLegacy = 3

// supportedVersions is the JSON array that server/discover and refused versions carry, newest first.
var supportedVersions = func() string {
	var b strings.Builder
	for i := revisionCount - 1; i >= 0; i-- {
		b.WriteString(`,"` + revisions[i].version + `"`)
	}
	return "[" + b.String()[1:] + "]"
}()

// revisionIndex finds a version as it is spelled on the wire; -1 when we do not have it.
func revisionIndex(version []byte) int {
	for i := revisionCount - 1; i >= 0; i-- { // newest first: it is asked for on every modern request
		if string(version) == revisions[i].version {
			return i
		}
	}
	return -1
}

// isModern says under which era's rules a message is judged (MCP 2026-07-28, basic/versioning, dual-era servers).
// A version in _meta makes it modern, also one that nobody knows: only a modern client writes the key. So does a method
// that no legacy revision has, and over HTTP a modern version header, so that what is missing is named.
func (x *Exchange) isModern(row *method) bool {
	if token := x.Env.ProtocolVersion.Of(x.Raw); token != nil {
		version, ok := codec.StringOf(token)
		i := revisionIndex(version)
		return !ok || i < 0 || revisions[i].modern
	}
	if row != nil && row.revisions&legacyRevisions == 0 {
		return true
	}
	if x.Transport == HTTP && x.Header != nil {
		i := revisionIndex(x.Header.ProtocolVersion)
		return i >= 0 && revisions[i].modern
	}
	return false
}
