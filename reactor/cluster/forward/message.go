package forward

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"weir/reactor/cluster"
)

// The messages between an entry and an owner. Each names the request by the id that the entry has given it.
const (
	// From the entry.
	kindRequest = cluster.FirstForward + iota // a request (appendRequest)
	kindPiece                                 // where it begins (uvarint), and a piece of a request longer than pieceBytes
	kindLeft                                  // its client has gone
	kindHalf                                  // its client has closed its sending side
	kindCredit                                // so many bytes were taken in all (uvarint); it is still waited for

	// From the owner.
	kindAnswer // where they begin (uvarint), and bytes of the response; what was written at once ends with them
	kindCut    // the same; the rest of what was written at once follows
	kindEnd    // nothing follows: a Fate, and how many bytes went before (uvarint)
	kindWhole  // the whole response; nothing follows

	// From the entry.
	kindLast // as kindPiece, the last one
)

// Messages between nodes may be lost. What goes in parts says where each begins, so that nothing is put together that
// was never said: the rest of a request would be read as another one, of whomever it names.

// Kinds are those of the messages.
func Kinds() []cluster.Kind {
	return []cluster.Kind{kindRequest, kindPiece, kindLast, kindLeft, kindHalf, kindCredit, kindAnswer, kindCut, kindEnd,
		kindWhole}
}

// pieceBytes is the most that one message carries: a large request must not hold up the small ones behind it for long.
const pieceBytes = 128 << 10

// Flags of a request.
type Flags uint8

// What the entry has decided about the connection of the client.
const (
	Closes   Flags = 1 << iota // it ends with the response
	Loopback                   // only that machine reaches its listener
	Message                    // the request is a message alone, of no transport
)

// Request is a request on its way to its owner.
type Request struct {
	Flags     Flags
	Addr      netip.Addr // the client's
	Principal string     // whom it proved to be; "" is anybody
	// HTTP is the request as it came, but that a body in chunks is in one; or a message (Message).
	HTTP []byte
	// Revision is the place of the revision that the client of a Message has agreed on, which it says itself otherwise.
	Revision uint8

	window int
}

// appendRequest appends the message that carries r.
func appendRequest(dst []byte, r *Request) []byte {
	addr, _ := r.Addr.MarshalBinary() // never fails
	dst = append(dst, byte(r.Flags), r.Revision, byte(len(addr)))
	dst = append(dst, addr...)
	dst = binary.AppendUvarint(dst, uint64(r.window))
	dst = binary.AppendUvarint(dst, uint64(len(r.Principal)))
	return append(append(dst, r.Principal...), r.HTTP...)
}

var errRequest = errors.New("forward: not a request of another node")

// maxWindow bounds what another node may ask for.
const maxWindow = 1 << 20

// readRequest reads what appendRequest has written. HTTP is a part of b.
func readRequest(b []byte) (r Request, err error) {
	if len(b) < 3 || len(b) < 3+int(b[2]) {
		return r, errRequest
	}
	r.Flags, r.Revision = Flags(b[0]), b[1]
	addr, b := b[3:3+int(b[2])], b[3+int(b[2]):]
	if r.Addr.UnmarshalBinary(addr) != nil || len(r.Addr.Zone()) > 0 {
		return r, errRequest
	}
	window, n := binary.Uvarint(b)
	if n <= 0 || window == 0 || window > maxWindow {
		return r, errRequest
	}
	r.window, b = int(window), b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return r, errRequest
	}
	r.Principal, r.HTTP = string(b[n:n+int(size)]), b[n+int(size):]
	return r, nil
}

// appendPart appends what begins at so many bytes of the whole.
func appendPart(dst []byte, at int, part []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(at)), part...)
}

// readPart reads what appendPart has written; at is -1 if it has not.
func readPart(b []byte) (at int, part []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > maxPartAt {
		return -1, nil
	}
	return int(n), b[size:]
}

// maxPartAt is beyond what any request or response comes to.
const maxPartAt = 1 << 62
