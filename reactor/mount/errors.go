package mount

import "fmt"

// Failure is why a call was not answered by its mount. The word is the reason in the error's data and the metric label.
type Failure uint8

const (
	failDown        Failure = iota // the mount is not there
	failFull                       // as many calls wait as may, or they hold as much as they may
	failShare                      // as many calls of its client wait as may, or they hold as much as they may
	failWaitTimeout                // the call waited too long for its turn
	failTimeout                    // the mount did not answer in time
	failLost                       // the mount ended before it answered
	failAnswer                     // the answer is none that can be passed on
	failAsks                       // the mount asks for something in a form that is not passed on
	failOpen                       // its breaker is open
	failBusy                       // it answers 429, or 503 with Retry-After
	failRefused                    // it answers another HTTP status below 500
	failStatus                     // it answers an HTTP status from 500
	failStopped                    // this server stops
	failures
)

var failureWords = [failures]string{"mount_down", "mount_full", "mount_share", "mount_wait_timeout", "mount_timeout",
	"mount_lost", "mount_answer", "mount_asks", "mount_open", "mount_busy", "mount_refused", "mount_status", "draining"}

func (f Failure) String() string { return failureWords[f] }

// failureTexts say what happened; %s is the mount's name.
var failureTexts = [failures]string{
	failDown:        "mount %s is not there",
	failFull:        "mount %s has as many calls as it may have (max_in_flight, max_connections, max_waiting, max_bytes)",
	failShare:       "mount %s has as many calls of one client as it may have (max_share)",
	failWaitTimeout: "the call waited too long for its turn at mount %s (wait_timeout)",
	failTimeout:     "mount %s did not answer in time (call_timeout)",
	failLost:        "mount %s ended before it answered",
	failAnswer:      "mount %s answered what cannot be passed on",
	failAsks:        "mount %s asks for input in a form that is not passed on",
	failOpen:        "mount %s did not answer several times in a row and is left alone for a while (breaker_failures)",
	failBusy:        "mount %s has enough to do",
	failRefused:     "mount %s refuses the call",
	failStatus:      "mount %s has failed",
	failStopped:     "mount %s takes no more calls, this server stops",
}

// executed says whether the call may have been executed.
func (f Failure) executed() bool {
	return f == failTimeout || f == failLost || f == failAnswer || f == failAsks || f == failStatus
}

// Ending is why a mount is not there: why it could not be begun, or has ended. The word stands in the log, in the
// metric label and in the error of the calls that come meanwhile.
type Ending uint8

const (
	endNotYet   Ending = iota // it has not been begun
	endCommand                // the command is not found
	endStart                  // the command cannot be started
	endConnect                // nobody answers at the address
	endRefused                // it refuses to be greeted
	endVersion                // it speaks no revision that is spoken here
	endNoMCP                  // what it says is no MCP
	endNoAnswer               // it did not answer its greeting in time
	endList                   // it does not list its tools
	endExited                 // the program has ended
	endClosed                 // the connection has ended
	endDenied                 // it answers 401 or 403
	endStatus                 // it answers an HTTP status that says nothing of MCP
	endToken                  // its token file cannot be read
	endStopped                // this server stops
	endings
)

var endingWords = [endings]string{"starting", "command_not_found", "not_started", "not_connected", "greeting_refused",
	"version", "not_mcp", "no_answer", "no_list", "exited", "closed",
	"unauthorized", "http_status", "token_file", "stopped"}

func (e Ending) String() string { return endingWords[e] }

// endingHints say what to do about it.
var endingHints = [endings]string{
	endCommand: "install the program, or write its whole path in command; PATH of this process is where it is looked for",
	endStart:   "look at command and cwd: does the user of this process see them, and may it run them?",
	endConnect: "is the server running that is to answer at unix, tcp or url?",
	endRefused: "the program's own log says why; era: modern or legacy greets it in one way only",
	endVersion: "a newer version of the program may speak 2024-11-05 to 2026-07-28",
	endNoMCP:   "is this the program that speaks MCP on its standard output? Some need an argument for that",
	endNoAnswer: "does the program wait for something, such as a download? start_timeout is how long it may take; " +
		"its standard error is in this log",
	endDenied: "headers and token_file of the mount are what its server is shown; a client's own token is not",
	endStatus: "is url the whole address, with its path, and is the server well?",
	endToken:  "token_file is read before every start: may the user of this process read it, and is it not empty?",
	endExited: "the program's standard error is in this log",
}

// Dropped is a line of an upstream that nobody hears.
type Dropped uint8

const (
	dropNoMCP  Dropped = iota // it is no message
	dropLate                  // it answers what nobody waits for any more
	dropLong                  // it is above max_line_bytes
	dropUnsaid                // a notification or request that is not passed on
	droppeds
)

var droppedWords = [droppeds]string{"not_mcp", "late", "line_too_long", "not_passed_on"}

// downError is why a mount is not there.
type downError struct {
	why Ending
	err error
}

func (e *downError) Error() string { return fmt.Sprintf("%s: %v", e.why, e.err) }
func (e *downError) Unwrap() error { return e.err }

func down(why Ending, format string, args ...any) *downError {
	return &downError{why, fmt.Errorf(format, args...)}
}
