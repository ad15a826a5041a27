package rabbitqueue

import (
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"weir/reactor/cluster/queue"
)

// session is one connection to the broker. It is made whole, and ends whole.
type session struct {
	conn  *amqp.Connection
	jobs  *amqp.Channel // pushed with confirms
	taken *amqp.Channel // and acknowledged; nil for who does not work
	words *amqp.Channel // both ways
	look  *amqp.Channel // asks how long the queue is
	heard <-chan amqp.Delivery
	lost  chan amqp.Return     // words that nobody has
	over  chan *amqp.Error     // closed when the connection is
	given <-chan amqp.Delivery // jobs, to who works
}

// dial makes a session.
func (q *Queue) dial() (s *session, err error) {
	c := &q.config
	s = &session{}
	s.conn, err = amqp.DialConfig(q.url, amqp.Config{
		Heartbeat:  max(time.Second, c.Silence/2),
		Dial:       func(network, addr string) (net.Conn, error) { return dialWithin(c.Deadline, network, addr) },
		Properties: amqp.Table{"connection_name": "weir " + c.Name},
	})
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(c.Deadline, s.end)
	defer late.Stop()
	s.over = s.conn.NotifyClose(make(chan *amqp.Error, 1))
	for _, channel := range []**amqp.Channel{&s.jobs, &s.taken, &s.words, &s.look} {
		if *channel, err = s.conn.Channel(); err != nil {
			s.end()
			return nil, err
		}
	}
	if err = q.declare(s); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// prompt is a connection on which no write lasts for longer than the deadline: a broker that has no memory left does
// not read.
type prompt struct {
	net.Conn
	deadline time.Duration
}

func (p prompt) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.deadline)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// dialWithin makes a connection. Its handshake is bounded too: amqp takes the deadline away behind it.
func dialWithin(deadline time.Duration, network, addr string) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, deadline)
	if err != nil {
		return nil, err
	}
	return prompt{c, deadline}, c.SetDeadline(time.Now().Add(deadline))
}

func (s *session) end() { _ = s.conn.CloseDeadline(time.Now().Add(time.Second)) }

// jobsName is the queue of jobs, wordsTo that of what is said to a process, and allName the exchange to all who work.
func (q *Queue) jobsName() string         { return q.config.Prefix + ".jobs" }
func (q *Queue) wordsTo(to string) string { return q.config.Prefix + ".words." + to }
func (q *Queue) allName() string          { return q.config.Prefix + ".workers" }

// expires is after which time without anybody the broker forgets the queue of jobs.
const expires = time.Hour

// declare has everything be there that the session needs.
func (q *Queue) declare(s *session) error {
	c := &q.config
	_, err := s.jobs.QueueDeclare(q.jobsName(), true, false, false, false, amqp.Table{
		"x-max-length": int64(c.MaxMessages), "x-max-length-bytes": int64(c.MaxBytes), "x-overflow": "reject-publish",
		"x-message-ttl": c.MaxAge.Milliseconds(), "x-expires": expires.Milliseconds()})
	if err != nil {
		return fmt.Errorf("the queue %s: %w (other bounds? delete it at the broker)", q.jobsName(), err)
	}
	if err := s.jobs.Confirm(false); err != nil {
		return err
	}
	own := q.wordsTo(c.Name)
	if _, err := s.words.QueueDeclare(own, false, true, true, false, nil); err != nil {
		return fmt.Errorf("the queue %s: %w (has another process this name?)", own, err)
	}
	if err := s.words.ExchangeDeclare(q.allName(), amqp.ExchangeFanout, false, true, false, false, nil); err != nil {
		return err
	}
	// Everybody is bound, so that the exchange lasts as long as anybody does; who does not work drops what he hears.
	if err := s.words.QueueBind(own, "", q.allName(), false, nil); err != nil {
		return err
	}
	s.lost = s.words.NotifyReturn(make(chan amqp.Return, 64))
	if s.heard, err = s.words.Consume(own, "", true, true, false, false, nil); err != nil || !c.Works {
		return err
	}
	if err := s.taken.Qos(c.Credit, 0, false); err != nil {
		return err
	}
	s.given, err = s.taken.Consume(q.jobsName(), consumer, false, false, false, false, nil)
	return err
}

// consumer is the name of a worker's consumer, on its own channel.
const consumer = "worker"

// isOver says whether the session has ended.
func (s *session) isOver() bool { return s.conn.IsClosed() }

// down is the state without a session.
func down(err error) queue.State { return queue.State{Why: "RabbitMQ does not answer: " + err.Error()} }
