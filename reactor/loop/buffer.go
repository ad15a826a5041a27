package loop

import "weir/reactor/loop/buffer"

// GetBuffer returns an empty slice with room for at least n bytes. Give it back with PutBuffer, once.
func GetBuffer(n int) []byte { return buffer.Get(n) }

// PutBuffer gives b back. Nobody may hold any part of it any more.
func PutBuffer(b []byte) { buffer.Put(b) }

// AppendBuffer appends p to b, moving b to the next size class when it is full.
func AppendBuffer(b, p []byte) []byte { return buffer.Append(b, p) }
