package logwriter

import "golang.org/x/sys/unix"

// Descriptor writes to an open file as the kernel knows it. Unlike os.Stderr it does not end the process (SIGPIPE) when
// the reader of a pipe has gone: the error is EPIPE.
type Descriptor int

// Write implements io.Writer.
func (d Descriptor) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := unix.Write(int(d), b[written:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}
