// Package clientreq is what a server asks its clients for while it serves their calls: elicitation, sampling, roots.
//
// A client of 2026-07-28 is answered with what is asked for and repeats its request; what the handler wants to remember
// meanwhile goes with it, sealed (Sealer). A client of the legacy era is sent requests of ours, on the stream of the
// call that needs them: a Table holds those that wait for their answers, by client and id, so that nobody answers for
// somebody else, within limits and a time.
//
// The one rule: every change of a Table is made in one place under its one lock (Table.change), and whoever is to hear
// of it does so after the lock is released. So Call.Done is called once, whatever comes together: the last answer, a
// cancellation, the end of the time, a stop.
//
// The package never knows what suspends a call meanwhile or how it goes on, nor what a session or a task is.
package clientreq
