package backpressure

import "sync/atomic"

// What is refused although there is room: because of the process as a whole, which only somebody outside can judge.
// What was admitted is not touched, and control never comes here.

const (
	// throughStop is of how many calls that the emergency stop is about one goes through, to show whether they still fail.
	throughStop = 16
	// spread is 2^32 over the golden ratio. A call goes through when its number times spread is low: of any 16 nearly
	// one, and whoever calls at a steady pace is not always, or never, the one.
	spread = 0x9E3779B1
)

// Shedding is what is refused now for the sake of the process. A message reads one word of it, which hardly ever
// changes. All methods are concurrent.
type Shedding struct {
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

func (s *Shedding) set(bit uint32, on bool) {
	if on {
		s.bits.Or(bit)
	} else {
		s.bits.And(^bit)
	}
}

func (s *Shedding) has(bit uint32) bool { return s.bits.Load()&bit != 0 }

// StopLowestClass begins or ends the emergency stop: of class Blocking, the lowest, 15 of 16 messages are refused with
// EmergencyStop.
func (s *Shedding) StopLowestClass(on bool) { s.set(shedLowest, on) }

// RefuseCalls has new messages of both classes refused with ProcessPressure, or taken again.
func (s *Shedding) RefuseCalls(on bool) { s.set(shedCalls, on) }

// RefuseConnections has newcomers refused with ProcessPressure, or taken again.
func (s *Shedding) RefuseConnections(on bool) { s.set(shedConnections, on) }

// Any says whether Refuses may refuse anything now.
func (s *Shedding) Any() bool { return s.bits.Load() != 0 }

// Refuses says whether a message of class c that is new is to be refused, whatever room there is: ProcessPressure,
// EmergencyStop or Accepted. What goes on after it was suspended is not new.
func (s *Shedding) Refuses(c Class) Refusal {
	bits := s.bits.Load()
	switch {
	case bits&shedCalls != 0:
		return ProcessPressure
	case bits&shedLowest != 0 && c == Blocking && s.spare.Add(1)*spread >= 1<<32/throughStop:
		return EmergencyStop
	}
	return Accepted
}
