package codec

import "bytes"

// LineDecoder cuts newline-delimited JSON (MCP stdio, and by its advice raw TCP) into messages. A line ends with LF or
// CRLF. The zero value is ready; it is one word, because every idle connection holds one.
type LineDecoder struct {
	// looked is how many bytes of the unfinished line hold no LF, so that a line that comes in many pieces is searched
	// once and not once per piece.
	looked int
}

// Next looks for one line in b, which must be everything that was not consumed yet: what the last call left, with more
// appended. It may have moved. max is the longest line in bytes, its end not counted (LineLimits.MaxMessageBytes).
//
//	msg != nil           a line without its end, aliasing b; n bytes are consumed
//	msg == nil, n > 0    an empty line, or one of nothing but white space and a byte order mark, to be skipped; n bytes
//	                     are consumed
//	msg == nil, n == 0   more bytes are needed
//	err                  ErrMessageTooLarge: broken for good, the same answer comes for every later call
func (d *LineDecoder) Next(b []byte, max int) (msg []byte, n int, err error) {
	// No line that may be accepted reaches beyond window: max bytes, CR, LF. Not looking further keeps the cost of a
	// call independent of how much a flooding peer has stacked up behind one long line.
	window := b[:min(len(b), max+2)]
	d.looked = min(d.looked, len(window))
	at := bytes.IndexByte(window[d.looked:], '\n')
	if at < 0 {
		if len(trimCR(window)) > max {
			return nil, 0, ErrMessageTooLarge
		}
		d.looked = len(window)
		return nil, 0, nil
	}
	at += d.looked
	line := trimCR(window[:at])
	if len(line) > max {
		return nil, 0, ErrMessageTooLarge
	}
	d.looked = 0
	if len(line) == 0 || line[0] != '{' && Blank(line) {
		return nil, at + 1, nil
	}
	return line[:len(line):len(line)], at + 1, nil
}

// Blank says whether a line holds no message: it is empty, or white space and a byte order mark.
func Blank(line []byte) bool { return messageStart(line) == len(line) }

// trimCR drops one CR at the end.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
