// Package logwriter keeps writers of a log from waiting for its readers. A pipe that nobody reads, a terminal stopped
// with Ctrl-S or a full disk costs lines then, and neither a loop nor a stop.
//
// Its one rule: Write never waits for the output. What does not fit is dropped and counted, and once the output takes
// lines again the next one says how many were lost.
//
// A Gate keeps the lines few that others can bring about at will.
//
// It never knows what a line says, nor who reads it.
package logwriter
