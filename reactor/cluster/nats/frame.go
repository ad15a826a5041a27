package nats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"weir/reactor/cluster"
)

// A message on the wire is a head and data:
//
//	1 byte   format: 1
//	1 byte   kind
//	8 bytes  id, big endian
//	1 byte   length of the sender's name, and the name
//	4 bytes  length of the whole message
//	4 bytes  where this part of it begins
//	         data
const (
	format      = 1
	fixedHead   = 1 + 1 + 8 + 1 + 4 + 4
	maxHead     = fixedHead + 64
	partBytes   = 512 << 10 // of a message that goes in parts; NATS takes 1 MiB by default
	directBytes = 32 << 10  // a message up to this goes as it is
)

var errFrame = errors.New("not a message of this engine")

// head is what stands before the data.
type head struct {
	kind          cluster.Kind
	id            uint64
	from          string
	total, offset int
}

func (h *head) append(to []byte) []byte {
	to = append(to, format, byte(h.kind))
	to = binary.BigEndian.AppendUint64(to, h.id)
	to = append(to, byte(len(h.from)))
	to = append(to, h.from...)
	to = binary.BigEndian.AppendUint32(to, uint32(h.total))
	return binary.BigEndian.AppendUint32(to, uint32(h.offset))
}

// parse takes a head off a message. The name is a copy.
func (h *head) parse(message []byte, names map[string]string) (data []byte, err error) {
	if len(message) < fixedHead || message[0] != format {
		return nil, errFrame
	}
	h.kind, h.id = cluster.Kind(message[1]), binary.BigEndian.Uint64(message[2:])
	name := int(message[10])
	if len(message) < fixedHead+name {
		return nil, errFrame
	}
	text, rest := message[11:11+name], message[11+name:]
	from, known := names[string(text)]
	if !known {
		from = string(text)
		if !cluster.IsName(from) {
			return nil, errFrame
		}
		if len(names) < maxNames {
			names[from] = from
		}
	}
	h.from = from
	h.total, h.offset = int(binary.BigEndian.Uint32(rest)), int(binary.BigEndian.Uint32(rest[4:]))
	data = rest[8:]
	if h.offset > h.total || len(data) > h.total-h.offset {
		return nil, errFrame
	}
	return data, nil
}

// maxNames bounds the names that are remembered so that a message costs no allocation.
const maxNames = 1024

// The subjects. What is sent to a node has "m" behind its name. When nobody is there NATS answers to a subject of the
// sender that says what it was, so that nothing needs to be remembered.
const (
	toNode = "weir.node."
	toAll  = "weir.all"
)

func subjectOf(node string) string { return toNode + node + ".m" }

// replyFor is where NATS answers that nobody was there.
func replyFor(buffer []byte, own string, to []byte, kind cluster.Kind, id uint64) []byte {
	buffer = append(append(buffer, toNode...), own...)
	buffer = append(strconv.AppendUint(append(buffer, ".n."...), uint64(kind), 10), '.')
	buffer = append(strconv.AppendUint(buffer, id, 16), '.')
	return append(buffer, to...)
}

// parseReply is the way back from replyFor, without what stands before the kind.
func parseReply(text string) (to string, kind cluster.Kind, id uint64, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || !cluster.IsName(parts[2]) {
		return "", 0, 0, fmt.Errorf("%w: %q", errFrame, text)
	}
	number, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil {
		return "", 0, 0, err
	}
	id, err = strconv.ParseUint(parts[1], 16, 64)
	return parts[2], cluster.Kind(number), id, err
}
