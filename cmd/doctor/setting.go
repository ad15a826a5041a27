package doctor

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Plan is what is wanted of a machine.
type Plan struct {
	Connections int
	Backlog     int           // the key backlog
	PeerTimeout time.Duration // the key peer_timeout
	Budgets     int64         // bytes: what queue, outboxes and unfinished input may hold together
	Weight      Weight
}

const (
	// reservedFiles are descriptors that no client gets: what max_connections is held against too.
	reservedFiles = 256
	// baseBytes is a server without connections: resident, its program's pages included.
	baseBytes = 24 << 20
	// userBytes is what the process keeps for an idle connection: HTTP's with a session, 761, and 32 in the rings
	// (docs/MEMORY.md, docs/BENCHMARKS.md). One of lines over TCP takes 190 less.
	userBytes = 800
	// mostBacklog is as far as the key backlog goes.
	mostBacklog = 65535
	// portRange is what 10240 to 65535 has, the range of docs/deploy/99-weir.conf.
	portRange = 65535 - 10240 + 1
)

// MemoryBytes is what so many idle connections take, in the process and in the kernel together.
func (p Plan) MemoryBytes() int64 {
	return baseBytes + int64(p.Connections)*(userBytes+p.Weight.Bytes)
}

// finding is what a setting is on one machine.
type finding struct {
	have, need string
	short      bool
	unknown    bool // not there: nothing can be said
}

// setting is one thing that a machine can fall short in: a row of the report, and a chapter of docs/SYSCTL.md.
type setting struct {
	name string
	must bool // without it the connections are not held; else they are held, and something is worse
	find func(*Host, Plan) finding
	// number is the sum for n connections, for the page and the file; nil where there is no number.
	number func(n int) int64
	unit   string // of the number, on the page
	// key and value are the line of a sysctl.d file; "" for what is no kernel setting, or is only ever raised by hand.
	key   string
	value func(n int) string
	// fix is what mends it where no sysctl.d file does.
	fix func(Plan) string
	// why is the sentence of the report. The others are the page's: what it does, how the number comes about, how to
	// look, how it fails, and what of that Weir shows.
	why                             string
	does, sum, verify, fails, shows string
}

// atLeast finds a number that has to be as large as needed.
func atLeast(have int64, known bool, need int64) finding {
	return finding{have: group(have), need: group(need), short: have < need, unknown: !known}
}

// fixed is a remedy without numbers.
func fixed(text string) func(Plan) string { return func(Plan) string { return text } }

// sysctlAtLeast is the find of a kernel setting whose n-th number has to be as large as number says.
func sysctlAtLeast(key string, n int, number func(int) int64) func(*Host, Plan) finding {
	return func(h *Host, p Plan) finding {
		have, known := h.sysctl(key, n)
		return atLeast(have, known, number(p.Connections))
	}
}

func files(n int) int64         { return int64(n) + reservedFiles }
func connections(n int) int64   { return int64(n) }
func pages(n int) int64         { return int64(n) }
func pressurePages(n int) int64 { return 2 * int64(n) }
func ports(n int) int64         { return int64(min(n, portRange)) }

// atOnce is how many of n clients can wait to be accepted when all come back together.
func atOnce(n int) int64 { return int64(min(n, mostBacklog)) }

// powerOfTwo is the least one that is not below n.
func powerOfTwo(n int64) int64 { return int64(1) << bits.Len64(uint64(n-1)) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// group writes a number in groups of three digits, and what stands for "no limit" in words.
func group(n int64) string {
	if n >= 1<<60 {
		return "no limit"
	}
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// mib writes bytes in MiB, or in KiB where that is little.
func mib(bytes int64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return group(bytes>>20) + " MiB"
}

// chosen is the word in brackets of a file that lists what it can be, such as transparent_hugepage/enabled.
func chosen(text string) string {
	_, rest, ok := strings.Cut(text, "[")
	word, _, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return ""
	}
	return word
}
