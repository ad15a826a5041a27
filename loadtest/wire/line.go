package wire

import (
	"bytes"
	"fmt"
)

// lineFormat is newline-delimited JSON, the framing of stdio, over TCP and Unix sockets.
type lineFormat struct{ headers string }

// Opening is the headers, as a server that asks who its peer is wants them: the first line of a connection is
// Authorization.
func (w lineFormat) Opening() []byte {
	if w.headers == "" {
		return nil
	}
	return []byte(w.headers)
}

// Wrap implements Format.
func (lineFormat) Wrap(body []byte, idAt int, _ []byte) Template {
	return Template{Bytes: append(append([]byte(nil), body...), '\n'), IDAt: idAt}
}

// Next implements Format.
func (lineFormat) Next(_ *Decoder, b []byte) (Arrival, int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return Arrival{}, 0, nil
	}
	line := b[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	if len(line) == 0 {
		return Arrival{Kind: ArrivalNothing}, end + 1, nil
	}
	return Arrival{Kind: ArrivalMessage, Body: line}, end + 1, nil
}

// End implements Format. Half a line is no message.
func (lineFormat) End(_ *Decoder, b []byte) (Arrival, bool, error) {
	return Arrival{}, false, cutShort(b)
}

// cutShort is the error of a connection that ended behind the beginning of a message.
func cutShort(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the connection ended in the middle of a message", ErrBadBytes)
}
