// Package rivals reads what package http1 reads with another library, fasthttp, for benchmarks of both. It is a module
// of its own, so that who imports weir does not list that library.
package rivals
