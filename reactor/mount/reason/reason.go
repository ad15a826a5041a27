package reason

import (
	"fmt"
	"strconv"
	"time"

	"weir/codec"
	"weir/registry/protocol"
)

// Failure is why a call was not answered by its mount. The word is the reason in the error's data and the metric label.
type Failure uint8

const (
	FailDown        Failure = iota // the mount is not there
	FailFull                       // as many calls wait as may, or they hold as much as they may
	FailShare                      // as many calls of its client wait as may, or they hold as much as they may
	FailWaitTimeout                // the call waited too long for its turn
	FailTimeout                    // the mount did not answer in time
	FailLost                       // the mount ended before it answered
	FailAnswer                     // the answer is none that can be passed on
	FailAsks                       // the mount asks for something in a form that is not passed on
	FailOpen                       // its breaker is open
	FailBusy                       // it answers 429, or 503 with Retry-After
	FailRefused                    // it answers another HTTP status below 500
	FailStatus                     // it answers an HTTP status from 500
	FailStopped                    // this server stops
	Failures
)

var failureWords = [Failures]string{"mount_down", "mount_full", "mount_share", "mount_wait_timeout", "mount_timeout",
	"mount_lost", "mount_answer", "mount_asks", "mount_open", "mount_busy", "mount_refused", "mount_status", "draining"}

func (f Failure) String() string { return failureWords[f] }

// failureTexts say what happened; %s is the mount's name.
var failureTexts = [Failures]string{
	FailDown:        "mount %s is not there",
	FailFull:        "mount %s has as many calls as it may have (max_in_flight, max_connections, max_waiting, max_bytes)",
	FailShare:       "mount %s has as many calls of one client as it may have (max_share)",
	FailWaitTimeout: "the call waited too long for its turn at mount %s (wait_timeout)",
	FailTimeout:     "mount %s did not answer in time (call_timeout)",
	FailLost:        "mount %s ended before it answered",
	FailAnswer:      "mount %s answered what cannot be passed on",
	FailAsks:        "mount %s asks for input in a form that is not passed on",
	FailOpen:        "mount %s did not answer several times in a row and is left alone for a while (breaker_failures)",
	FailBusy:        "mount %s has enough to do",
	FailRefused:     "mount %s refuses the call",
	FailStatus:      "mount %s has failed",
	FailStopped:     "mount %s takes no more calls, this server stops",
}

// Error is what the client of a call hears of it. detail, if any, says more; a call that was not executed may come
// again after that time.
func (f Failure) Error(mount, detail string, after time.Duration) *codec.Error {
	text := fmt.Sprintf(failureTexts[f], mount)
	data := codec.AppendQuoted([]byte(`{"reason":`), f.String())
	data = codec.AppendQuoted(append(data, `,"mount":`...), mount)
	if detail != "" {
		text += ": " + protocol.Clip(detail)
	}
	if f.executed() {
		data = append(data, `,"executed":true}`...)
	} else {
		data = strconv.AppendInt(append(data, `,"retryAfterMs":`...), max(1, after.Milliseconds()), 10)
		data = append(data, `,"executed":false}`...)
	}
	return &codec.Error{Code: codec.CodeInternal, Message: text, Data: data}
}

// executed says whether the call may have been executed.
func (f Failure) executed() bool {
	return f == FailTimeout || f == FailLost || f == FailAnswer || f == FailAsks || f == FailStatus
}

// Ending is why a mount is not there: why it could not be begun, or has ended. The word stands in the log, in the
// metric label and in the error of the calls that come meanwhile.
type Ending uint8

const (
	EndNotYet   Ending = iota // it has not been begun
	EndCommand                // the command is not found
	EndStart                  // the command cannot be started
	EndConnect                // nobody answers at the address
	EndRefused                // it refuses to be greeted
	EndVersion                // it speaks no revision that is spoken here
	EndNoMCP                  // what it says is no MCP
	EndNoAnswer               // it did not answer its greeting in time
	EndList                   // it does not list its tools
	EndExited                 // the program has ended
	EndClosed                 // the connection has ended
	EndDenied                 // it answers 401 or 403
	EndStatus                 // it answers an HTTP status that says nothing of MCP
	EndToken                  // its token file cannot be read
	EndStopped                // this server stops
	Endings
)

var endingWords = [Endings]string{"starting", "command_not_found", "not_started", "not_connected", "greeting_refused",
	"version", "not_mcp", "no_answer", "no_list", "exited", "closed",
	"unauthorized", "http_status", "token_file", "stopped"}

func (e Ending) String() string { return endingWords[e] }

// Hint says what to do about it; "" where there is nothing to say.
func (e Ending) Hint() string { return endingHints[e] }

var endingHints = [Endings]string{
	EndCommand: "install the program, or write its whole path in command; PATH of this process is where it is looked for",
	EndStart:   "look at command and cwd: does the user of this process see them, and may it run them?",
	EndConnect: "is the server running that is to answer at unix, tcp or url?",
	EndRefused: "the program's own log says why; era: modern or legacy greets it in one way only",
	EndVersion: "a newer version of the program may speak 2024-11-05 to 2026-07-28",
	EndNoMCP:   "is this the program that speaks MCP on its standard output? Some need an argument for that",
	EndNoAnswer: "does the program wait for something, such as a download? start_timeout is how long it may take; " +
		"its standard error is in this log",
	EndDenied: "headers and token_file of the mount are what its server is shown; a client's own token is not",
	EndStatus: "is url the whole address, with its path, and is the server well?",
	EndToken:  "token_file is read before every start: may the user of this process read it, and is it not empty?",
	EndExited: "the program's standard error is in this log",
}

// Dropped is a line of an upstream that nobody hears.
type Dropped uint8

const (
	DropNoMCP  Dropped = iota // it is no message
	DropLate                  // it answers what nobody waits for any more
	DropLong                  // it is above max_line_bytes
	DropUnsaid                // a notification or request that is not passed on
	Droppeds
)

var droppedWords = [Droppeds]string{"not_mcp", "late", "line_too_long", "not_passed_on"}

func (d Dropped) String() string { return droppedWords[d] }

// Outage is why a mount is not there.
type Outage struct {
	Why Ending
	Err error
}

func (e *Outage) Error() string { return fmt.Sprintf("%s: %v", e.Why, e.Err) }
func (e *Outage) Unwrap() error { return e.Err }

// Because makes the outage of an error.
func Because(why Ending, err error) *Outage { return &Outage{Why: why, Err: err} }

// Down makes the outage of a text.
func Down(why Ending, format string, args ...any) *Outage {
	return Because(why, fmt.Errorf(format, args...))
}
