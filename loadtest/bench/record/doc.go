// Package record is what the benches have found: tables with their marks and the single runs behind them, kept as JSON
// and printed for a terminal or a page.
//
// Its one rule: a record says when, from which commit and on which machine it is, and keeps that for each table it
// takes over from an older one. It never knows how anything is measured.
package record
