package cases

import (
	"strings"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
)

// Case answers one question.
type Case struct {
	Name     string
	Question string
	Run      func(*harness.Env) (*record.Table, error)
}

// All is every benchmark, in the order of the record.
var All = []Case{
	{"cpu-tcp", "What does a call cost the server over TCP, beside a bare epoll echo of the same bytes?", cpuTCP},
	{"cpu-http", "What does a call cost the server over HTTP, beside the two Go SDKs?", cpuHTTP},
	{"pipelined", "How many calls per second does the server answer when they come in a stream?", pipelined},
	{"ceiling", "What is the highest rate that the server holds, over each transport?", ceiling},
	{"wide", "Do 15,000 connections that each call five times a second get quick answers?", wide},
	{"memory", "What does an idle connection weigh?", memory},
	{"storm", "Does a storm of connections get in, and do those who are in notice?", storm},
	{"flood", "What does one connection that floods a stuck tool cost, and is every message accounted for?", flood},
	{"stalled", "Do clients that never read harm those that do?", stalled},
	{"large", "Are large results as quick as those of the two Go SDKs?", large},
	{"refusal", "What does a refusal cost the server?", refusal},
	{"listens", "What does an open subscriptions/listen weigh, and how soon do all of them hear of a change?", listens},
	{"session-streams", "What does a session with an open stream weigh, and how soon do all of them hear of a change?",
		sessionStreams},
	{"session-cost", "Does a session cost more to open and end when there are many?", sessionCost},
	{"isolation", "Does every answer reach whom it is for, when all calls have the same id and some are taken back?",
		isolation},
	{"peers-latency", "What do clients of the Go SDKs' servers and of this one see at the same load?", peersLatency},
	{"peers-memory", "What does a session weigh, beside the two Go SDKs?", peersMemory},
	{"peers-overload", "What is left of each server at twice its own ceiling?", peersOverload},
	{"crosscheck", "Do other ways of measuring come to the same figures?", crosscheck},
}

// Names are the names in the order of the list.
func Names() (names []string) {
	for _, b := range All {
		names = append(names, b.Name)
	}
	return names
}

// GoesBy says whether a name on the command line means this benchmark: its own, or that of its family ("peers", "cpu").
func (b Case) GoesBy(name string) bool {
	return b.Name == name || strings.HasPrefix(b.Name, name+"-")
}
