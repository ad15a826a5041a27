// Package harness is what every benchmark stands on: it starts servers, opens fleets of clients, and reads both sides
// of a measured window.
//
// Its one rule: each step has a bound, and all that was started ends with the benchmark. It never knows the questions
// that the benchmarks ask.
package harness
