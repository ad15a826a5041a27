// Package alert says when a server needs somebody's eyes: it holds a few rules against counters, and tells of each
// change once.
//
// Its caller gives it a Reading several times a minute (Options.Interval); the Evaluator keeps those of the last
// window, computes the rates and the quantile in it, and answers with what changed. Rules fires and clears at different
// values, and clears only after a while, so that what hovers at a threshold is one alert and not a hundred. The same
// table becomes the rules of a Prometheus (Rules), whose alerts have the same names, thresholds and texts.
//
// The one rule: it decides, and does nothing. Who logs, pages or sheds load is told, and does it.
//
// A refusal is no error here. It is counted elsewhere, by its reason; if it were an error, the emergency stop, which
// refuses, would keep itself going.
//
// It never knows what a call is, where a counter comes from, or who is paged.
package alert
