// Package table adds, compares and lists structs of counters.
//
// Its one rule: what a counter is called, and how it is added, stands at its field and nowhere else. It never knows
// what is counted.
//
// A struct of counters is a table: each field is a row, and its tags say the rest.
//
//	json   the name in reports
//	unit   what is counted
//	help   one sentence
//	ended  how a call that is counted here ended: answered, refused, cancelled, failed or unexplained
//	merge  "level" for what is true of a moment: it is added over workers and has no difference over time
//
// Fields are uint64, arrays of it, maps from names to it, or histograms. Others are left alone, and embedded structs
// are part of the table. Walking a table takes microseconds: it is for samples, not for messages.
package table
