// Package tidy measures what drifts in a code base that nobody counts: how large packages and their surfaces get, how
// many references between files run backwards, which functions hand locks on, which words come back. Its tests hold the
// limits, and `make tidy` prints the table.
//
// It reads source text and what the go command says of it, and knows nothing of what the code does.
package tidy
