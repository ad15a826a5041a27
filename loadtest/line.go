package loadtest

import "bytes"

// lineWire is newline-delimited JSON, the framing of stdio, over TCP and Unix sockets.
type lineWire struct{}

func (lineWire) opening() []byte { return nil }

func (lineWire) wrap(body []byte, idAt int, _ []byte) template {
	return template{bytes: append(append([]byte(nil), body...), '\n'), idAt: idAt}
}

func (lineWire) next(_ *decoder, b []byte) (arrival, int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return arrival{}, 0, nil
	}
	line := b[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	if len(line) == 0 {
		return arrival{kind: arrivalNothing}, end + 1, nil
	}
	return arrival{kind: arrivalMessage, body: line}, end + 1, nil
}
