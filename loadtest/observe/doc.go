// Package observe sees a server and its machine from outside: processes that are measured (CPU, memory, descriptors,
// output), the kernel's counters, and what the server tells at its admin listener.
//
// Its one rule: what cannot be read is left out or keeps its last value, and never stops a run.
//
// It never knows calls, connections of a load, or reports.
package observe
