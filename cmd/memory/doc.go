// Package memory says how much memory this process may have: what its control groups (v1 and v2) allow, or what the
// machine has.
//
// Its one rule: it reads what the kernel says and decides nothing. A file that is missing or says something else is no
// limit.
//
// It never knows what the memory is for.
package memory
