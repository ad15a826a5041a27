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
	shedLowest uint32 = 1 << iota // the emergency stop
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

// Shedding says whether Sheds may refuse anything now. Concurrent.
func (q *Queue) Shedding() bool { return q.shedding.bits.Load() != 0 }

// Sheds says whether a message of class c that is new is to be refused, whatever room there is: EmergencyStop or
// Accepted. What goes on after it was suspended is not new. Concurrent.
func (q *Queue) Sheds(c Class) Refusal {
	bits := q.shedding.bits.Load()
	switch {
	case bits&shedLowest != 0 && c == Blocking && q.shedding.spare.Add(1)%throughStop != 0:
		return EmergencyStop
	}
	return Accepted
}
