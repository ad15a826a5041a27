package front

import (
	"errors"
	"time"

	"weir/backpressure"
	"weir/reactor/cluster/parcel"
	"weir/reactor/cluster/queue"
)

// push sends what waits: as many calls at once as there are, but not more than a batch. One that comes alone leaves
// alone.
func (fr *Front) push() {
	for {
		jobs, words := fr.next()
		fr.sayAll(words)
		if len(jobs) > 0 {
			fr.pushed(jobs, fr.queue.Push(dataOf(jobs)))
			continue
		}
		if len(words) > 0 {
			continue
		}
		select {
		case <-fr.wake:
		case <-fr.life.Done():
			return
		}
	}
}

// next takes a batch of calls, of those that were not taken back, and everything that is to be said.
func (fr *Front) next() (jobs []job, words []said) {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	words, fr.words = fr.words, nil
	looked := 0
	for _, j := range fr.jobs {
		if len(jobs) == fr.config.Options.Batch {
			break
		}
		looked++
		if s := fr.table.find(j.id); s != nil {
			s.pushed = true
			jobs = append(jobs, j)
		} else {
			fr.bytes -= len(j.data)
		}
	}
	clear(fr.jobs[:looked])
	if fr.jobs = fr.jobs[looked:]; len(fr.jobs) == 0 {
		fr.jobs = nil
	}
	return jobs, words
}

func dataOf(jobs []job) [][]byte {
	data := make([][]byte, len(jobs))
	for i, j := range jobs {
		data[i] = j.data
	}
	return data
}

// pushed ends the calls that the broker did not take.
func (fr *Front) pushed(jobs []job, errs []error) {
	fr.series.batches.Inc()
	bytes := 0
	for _, j := range jobs {
		bytes += len(j.data)
	}
	fr.free(bytes)
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, queue.ErrFull):
			fr.fail(jobs[i].id, failFull, false)
		case errors.Is(err, queue.ErrTooLarge):
			fr.fail(jobs[i].id, failTooLarge, false)
		default:
			fr.fail(jobs[i].id, failDown, true) // nobody knows whether the broker has it
		}
	}
}

// wordBytes is about how much is said in one message.
const wordBytes = 32 << 10

// sayAll says words, those that follow each other to the same workers in one message.
func (fr *Front) sayAll(words []said) {
	var message []byte
	bytes := 0
	for i, w := range words {
		bytes += len(w.word.Text)
		message = w.word.Append(message)
		if i+1 < len(words) && words[i+1].to == w.to && len(message) < wordBytes {
			continue
		}
		if err := fr.queue.Send(w.to, message); err != nil {
			fr.series.unsaid.Inc() // a call that is not taken back runs on, and its answer is dropped
		}
		message = nil
	}
	fr.free(bytes)
}

// lookEvery is how often it is looked for what has waited too long.
const lookEvery = 100 * time.Millisecond

// expire ends the calls that have waited too long, and all of them when the broker is down for too long.
func (fr *Front) expire() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-fr.life.Done():
			return
		}
		now := backpressure.Now()
		fr.mu.Lock()
		down := fr.downFrom != 0 && now-fr.downFrom > int64(fr.config.Options.BrokerTimeout)
		fr.mu.Unlock()
		if down {
			fr.failAll(failDown)
		}
		for fr.expireOne(now) {
		}
	}
}

// expireOne ends the call that has waited longest, if that is too long.
func (fr *Front) expireOne(now int64) bool {
	fr.mu.Lock()
	at := fr.table.first
	if at == nowhere || now-fr.table.slots[at].since <= int64(fr.config.Options.CallTimeout) {
		fr.mu.Unlock()
		return false
	}
	id := fr.table.id(at)
	fr.mu.Unlock()
	fr.fail(id, failTimeout, true)
	fr.say(queue.Workers, parcel.Word{Kind: parcel.Cancel, Node: fr.config.Name, ID: id})
	return true
}
