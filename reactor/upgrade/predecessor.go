package upgrade

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Predecessor is the old process, as the new one sees it.
type Predecessor struct {
	Offer
	link     link
	receiver *receiver
	sockets  map[string]*os.File
	unwanted []string // files of Unix sockets that nobody listens on once this process serves
}

// Inherit finds the old process that started this one for an upgrade; nil: nobody did. It takes the variable away, so
// that programs which tools start do not take themselves for a new one.
func Inherit() (*Predecessor, error) {
	text := os.Getenv(Variable)
	if text == "" {
		return nil, nil
	}
	_ = os.Unsetenv(Variable) // the name is valid
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%s is %q and no descriptor: who upgrades a server sends it SIGUSR2", Variable, text)
	}
	unix.CloseOnExec(fd)
	l, err := newLink(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: descriptor %d: %w", Variable, fd, err)
	}
	p := &Predecessor{link: l, receiver: l.receiver(maxMessageBytes), sockets: map[string]*os.File{}}
	err = l.send(kindHello, nil)
	var m message
	if err == nil {
		m, err = p.receiver.next(time.Now().Add(replyTimeout))
	}
	if err != nil {
		return nil, fmt.Errorf("what the process offers that is upgraded: %w", errors.Join(err, l.conn.Close()))
	}
	if err := m.read(&p.Offer); err != nil || m.kind != kindOffer || len(m.fds) != len(p.Offer.Sockets) {
		m.close()
		return nil, errors.Join(fmt.Errorf("the process that is upgraded (a message of kind %q with %d sockets) speaks "+
			"another language: restart it instead", m.kind, len(m.fds)), err, l.conn.Close())
	}
	for i, socket := range p.Offer.Sockets {
		p.sockets[socket.Name] = os.NewFile(uintptr(m.fds[i]), socket.Name)
	}
	return p, nil
}

// Sockets are the sockets that stand for a listener which is configured as before, by its name, and own those that are
// not a service manager's. The others are closed: who configured another address is to have it.
func (p *Predecessor) Sockets(configured func(name string) string) (sockets map[string]*os.File, own map[string]bool) {
	sockets, own = map[string]*os.File{}, map[string]bool{}
	for _, socket := range p.Offer.Sockets {
		file := p.sockets[socket.Name]
		if socket.Lent || socket.Address == configured(socket.Name) {
			sockets[socket.Name], own[socket.Name] = file, !socket.Lent
		} else {
			file.Close()
			if socket.Name == "unix" {
				p.unwanted = append(p.unwanted, socket.Address)
			}
		}
	}
	return sockets, own
}

// Refuse tells the old process why this one does not begin. It is harmless afterwards.
func (p *Predecessor) Refuse(why error) {
	_ = p.link.send(kindRefused, refused{why.Error()}) // it notices our end
	_ = p.link.conn.Close()
}

// Ready says that this process could accept, and waits until the old one does not any more. It returns how many
// connections that has.
func (p *Predecessor) Ready() (connections int, err error) {
	if err := p.link.send(kindReady, nil); err != nil {
		return 0, err
	}
	m, err := p.receiver.next(time.Now().Add(replyTimeout))
	if err != nil {
		return 0, fmt.Errorf("the process that is upgraded did not let go: %w", err)
	}
	m.close()
	var had count
	if err := m.read(&had); err != nil || m.kind != kindGo {
		return 0, fmt.Errorf("the process that is upgraded speaks another language: a message of kind %q", m.kind)
	}
	return had.Connections, nil
}

// Serving says that this process accepts, and waits until the old one is done with what it has to say of that.
func (p *Predecessor) Serving() error {
	err := p.link.send(kindServing, nil)
	for _, path := range p.unwanted {
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			_ = os.Remove(path) // who may not leaves it
		}
	}
	if err == nil {
		var m message
		m, err = p.receiver.next(time.Now().Add(replyTimeout))
		m.close()
	}
	return err
}

// Follow hears how many connections the old process has, until that has ended.
func (p *Predecessor) Follow(counted func(connections int)) {
	defer p.link.conn.Close()
	for {
		m, err := p.receiver.next(time.Time{})
		if err != nil {
			return
		}
		m.close()
		var has count
		if m.kind == kindCount && m.read(&has) == nil {
			counted(has.Connections)
		}
	}
}

// ErrGone is that the old process takes no connections any more.
var ErrGone = errors.New("the process that was upgraded takes no connections any more")

// GiveBack gives the old process a connection with what was read of it, without waiting. Any goroutine.
func (p *Predecessor) GiveBack(fd int, read []byte) error {
	err := p.link.offer(kindConnection, read, fd)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, net.ErrClosed) {
		return ErrGone
	}
	return err
}

// Reload has the old process read again what it can while it drains.
func (p *Predecessor) Reload() { _ = p.link.send(kindReload, nil) } // it may have ended
