package backpressure

// Probe says what Admit would, at now, for a message of w, of class c and so many bytes, and takes nothing: for callers
// that can save themselves the work of reading a message that has no place. A class that is not known yet is Blocking,
// of which less is refused. The answer may be out of date when it arrives, so an Accepted still needs an Admit.
// Concurrent.
func (q *Queue) Probe(l *Lane, w *Work, c Class, bytes int, now int64) Refusal {
	l.mu.Lock()
	refusal := q.check(l, int64(bytes))
	long, shut := q.tooLong(l, w, c, now), q.shuts(l, c, now)
	l.mu.Unlock()
	switch {
	case refusal != Accepted:
		return refusal
	case long:
		return ExpectedWait
	case shut:
		return Overload
	case q.draining.Load():
		return Draining
	case q.waiting.used.Load() >= q.waiting.max:
		return QueueFull
	case q.held.used.Load()+int64(bytes) > q.held.max:
		return QueueBytes
	}
	return Accepted
}

// OfConnection reports whether r comes from the connection's own caps: then it can help to read the connection more
// slowly, and Drained will be called when there is room again.
func (r Refusal) OfConnection() bool { return r == ConnectionQueueFull || r == ConnectionQueueBytes }
