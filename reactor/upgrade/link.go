package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The socket pair keeps messages apart (SOCK_SEQPACKET) and carries descriptors (SCM_RIGHTS). A message is a byte that
// says what it is, and a body.

const (
	kindOffer      = 'o' // old: offer, with a descriptor per socket
	kindGo         = 'g' // old: count; nobody is accepted there any more
	kindCount      = 'c' // old: count
	kindHello      = 'i' // new, first: it knows what it was started for
	kindReady      = 'r' // new
	kindRefused    = 'x' // new: refused
	kindServing    = 's' // new
	kindConnection = 'h' // new: what was read of the connection whose descriptor it carries
	kindReload     = 'l' // new
)

const (
	// maxMessageBytes bounds a message. What was read of a connection at once is 64 KiB by default.
	maxMessageBytes = 512 << 10
	// maxSockets bounds the descriptors that one carries.
	maxSockets = 16
	// replyTimeout is for answers that the other side has ready; that one is not read is no reason to wait.
	replyTimeout = 5 * time.Second
)

// Socket is a listening socket on its way.
type Socket struct {
	Name    string `json:"name"`
	Address string `json:"address"` // as it was configured
	Lent    bool   `json:"lent"`    // a service manager's, whatever is configured
	Fd      int    `json:"-"`
}

// Offer is what a new process gets.
type Offer struct {
	PID     int      `json:"pid"`
	Version string   `json:"version"`
	Sockets []Socket `json:"sockets"`
	// StateKey opens what clients were given of the old process's states.
	StateKey string `json:"state_key"`
}

// Count is how many connections the old process has.
type count struct {
	Connections int `json:"connections"`
}

type refused struct {
	Why string `json:"why"`
}

// link is one end. One goroutine receives; any sends.
type link struct{ conn *net.UnixConn }

// newLink makes an end of a descriptor, and closes that.
func newLink(fd int) (link, error) {
	file := os.NewFile(uintptr(fd), "upgrade")
	defer file.Close() // FileConn has a copy
	conn, err := net.FileConn(file)
	if err != nil {
		return link{}, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return link{}, errors.Join(fmt.Errorf("it is a %T", conn), conn.Close())
	}
	return link{unixConn}, nil
}

// send sends a message, and waits for room for so long at most.
func (l link) send(kind byte, body any, fds ...int) error {
	message := []byte{kind}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		message = append(message, text...)
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := l.conn.WriteMsgUnix(message, rights, nil)
	return err
}

// offer sends a message of kind with what was read and a descriptor, unless it would wait. Any goroutine.
func (l link) offer(kind byte, read []byte, fd int) error {
	raw, err := l.conn.SyscallConn()
	if err != nil {
		return err
	}
	message := append(append(make([]byte, 0, 1+len(read)), kind), read...)
	var failed error
	if err := raw.Control(func(to uintptr) {
		failed = unix.Sendmsg(int(to), message, unix.UnixRights(fd), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}); err != nil {
		return err
	}
	return failed
}

// message is one that came; its body is valid until the next.
type message struct {
	kind byte
	body []byte
	fds  []int // the receiver's
}

// receiver reads an end's messages.
type receiver struct {
	link
	body   []byte
	rights []byte
}

func (l link) receiver(bytes int) *receiver {
	return &receiver{link: l, body: make([]byte, bytes), rights: make([]byte, unix.CmsgSpace(4*maxSockets))}
}

// next waits for a message; by is when to stop waiting, the zero time is never. io.EOF and the like are the other
// side's end.
func (r *receiver) next(by time.Time) (m message, err error) {
	if err := r.conn.SetReadDeadline(by); err != nil {
		return m, err
	}
	n, rights, flags, _, err := r.conn.ReadMsgUnix(r.body, r.rights)
	if err != nil {
		return m, err
	}
	if controls, err := unix.ParseSocketControlMessage(r.rights[:rights]); err == nil {
		for i := range controls {
			fds, _ := unix.ParseUnixRights(&controls[i]) // nothing else is sent
			m.fds = append(m.fds, fds...)
		}
	}
	switch {
	case n == 0:
		m.close()
		return m, errEnded
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		m.close()
		return m, fmt.Errorf("a message of kind %q is larger than %d bytes", r.body[0], len(r.body))
	}
	m.kind, m.body = r.body[0], r.body[1:n]
	return m, nil
}

var errEnded = errors.New("the other process has closed its end")

// close closes the descriptors of a message that nobody wants.
func (m *message) close() {
	for _, fd := range m.fds {
		_ = unix.Close(fd)
	}
}

// read reads the body into one of a kind.
func (m *message) read(into any) error { return json.Unmarshal(m.body, into) }
