// Package search finds tools by what is asked for in plain words: BM25 over names, titles, descriptions and parameters,
// each with a weight of its own (BM25F).
//
// Its one rule: an index is made once and never changed, so any number of goroutines search it without a lock.
//
// It never knows a clock, a message, or who may see which tool: an index is of the documents that it was made of.
package search
