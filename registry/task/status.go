package task

// Status is where a task stands; the terminal ones are for ever.
type Status uint8

// A task begins Working. While it waits for its client it is InputRequired.
const (
	Working Status = iota
	InputRequired
	Completed
	Failed
	Cancelled
	statuses
)

var statusNames = [statuses]string{"working", "input_required", "completed", "failed", "cancelled"}

// String is the status on the wire.
func (s Status) String() string { return statusNames[s] }

// Terminal says whether nothing follows.
func (s Status) Terminal() bool { return s >= Completed }

// Ending is how a task came to its terminal status.
type Ending uint8

// The reasons of weir_tasks_ended_total.
const (
	EndedDone      Ending = iota // Completed: there is a result (in 2025-11-25 one without isError)
	EndedError                   // Failed: there is an error, or in 2025-11-25 a result with isError
	EndedByRequest               // Cancelled, by tasks/cancel
	EndedExpired                 // Failed: its time was up
	EndedDraining                // Failed: the server stops
	EndedBytes                   // Failed: what it had to keep did not fit
	Endings
)

var (
	endingNames  = [Endings]string{"completed", "failed", "cancelled", "task_expired", "draining", "task_bytes"}
	endingStatus = [Endings]Status{Completed, Failed, Cancelled, Failed, Failed, Failed}
)

// String is the reason in the metric.
func (e Ending) String() string { return endingNames[e] }
