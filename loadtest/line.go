package loadtest

import "bytes"

// lineWire is newline-delimited JSON, the framing of stdio, over TCP and Unix sockets.
type lineWire struct{ headers string }

// opening is the headers, as a server that asks who its peer is wants them: the first line of a connection is Authorization.
func (w lineWire) opening() []byte {
	if w.headers == "" {
		return nil
	}
	return []byte(w.headers)
}

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
