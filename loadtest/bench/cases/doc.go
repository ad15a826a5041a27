// Package cases is the benchmarks, a file for each question; All lists them.
//
// Its one rule: a benchmark measures its contenders in turn, keeps every single run, and judges the median by a mark.
// It never knows how a record is printed or drawn.
package cases
