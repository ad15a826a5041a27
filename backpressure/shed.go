package backpressure

import "sync/atomic"

// What is refused although there is room: because of the process as a whole, which only somebody outside can judge.
// What was admitted is not touched, and control never comes here.

// throughStop is of how many calls that the emergency stop is about one goes through, to show whether they still fail.
const throughStop = 16

// shedding is what is refused now. A message reads one word of it, which hardly ever changes.
type shedding struct {
	_     [cacheLineBytes]byte
	bits  atomic.Uint32
	_     [cacheLineBytes]byte
	spare atomic.Uint32 // counts calls of the lowest class while it is stopped
}

const (
	shedLowest      uint32 = 1 << iota // the emergency stop
	shedCalls                          // the process is short of something: every call
	shedConnections                    // and newcomers
)

func (s *shedding) set(bit uint32, on bool) {
	if on {
		s.bits.Or(bit)
	} else {
		s.bits.And(^bit)
	}
}

// StopLowestClass begins or ends the emergency stop: of class Blocking, the lowest, 15 of 16 messages are refused with
// EmergencyStop. Concurrent.
func (q *Queue) StopLowestClass(on bool) { q.shedding.set(shedLowest, on) }

// RefuseForProcess has new messages refused with ProcessPressure, of both classes, or taken again. Concurrent.
func (q *Queue) RefuseForProcess(on bool) { q.shedding.set(shedCalls, on) }

// RefuseForProcess has newcomers refused with ProcessPressure, or taken again. Concurrent.
func (l *Limits) RefuseForProcess(on bool) { l.queue.shedding.set(shedConnections, on) }

// shedsConnections says whether that is so.
func (q *Queue) shedsConnections() bool { return q.shedding.bits.Load()&shedConnections != 0 }

// Shedding says whether Sheds may refuse anything now. Concurrent.
func (q *Queue) Shedding() bool { return q.shedding.bits.Load() != 0 }

// Sheds says whether a message of class c that is new is to be refused, whatever room there is: ProcessPressure,
// EmergencyStop or Accepted. What goes on after it was suspended is not new. Concurrent.
func (q *Queue) Sheds(c Class) Refusal {
	bits := q.shedding.bits.Load()
	switch {
	case bits&shedCalls != 0:
		return ProcessPressure
	case bits&shedLowest != 0 && c == Blocking && q.shedding.spare.Add(1)%throughStop != 0:
		return EmergencyStop
	}
	return Accepted
}
