// Package pressure makes one level of what the whole process is short of: memory, descriptors, time on the processors,
// patience of those who wait. Each level asks for a little more than the one below (Level), so that a server gives up
// what costs its clients least first, long before the kernel ends it.
//
// The one rule: a level is reached at once and left slowly, a step at a time, below where it was reached
// (Options.Margin). Slow processors and long waits alone lead to no refusal: admission has its own bounds for these,
// and would refuse twice.
//
// It reads nothing and does nothing: readings are brought, and the level is acted on elsewhere.
package pressure
