package parcel

import (
	"errors"
	"reflect"
	"testing"
)

var example = Call{Node: "f1", ID: 1<<40 + 7, Idempotent: true, Revision: "2025-11-25", Capabilities: 3, LogLevel: 2,
	Principal: "alice", Header: []byte("X-A: b\r\n"), Message: []byte(`{"jsonrpc":"2.0","id":1}`)}

// TestCall: a call is read as it was written, and one that is cut anywhere is none, or has a shorter message.
func TestCall(t *testing.T) {
	again := example
	again.Idempotent, again.Again = false, true
	for _, c := range []Call{example, again, {Header: []byte{}, Message: []byte{}}} {
		b := c.Append(nil)
		got, err := ReadCall(b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
		for n := range len(b) - len(c.Message) {
			if _, err := ReadCall(b[:n]); err == nil {
				t.Errorf("%d of %d bytes are a call", n, len(b))
			}
		}
	}
}

// TestOtherVersion: of another build's call it is known whose it is.
func TestOtherVersion(t *testing.T) {
	b := example.Append(nil)
	b[0]++
	if got, err := ReadCall(b); !errors.Is(err, ErrVersion) || got.Node != example.Node || got.ID != example.ID {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWords(t *testing.T) {
	words := []Word{{Kind: Answer, State: 9, ID: 300, Text: []byte("{}")},
		{Kind: Cancel, Node: "f1", ID: 1, Text: []byte{}}}
	var b []byte
	for _, w := range words {
		b = w.Append(b)
	}
	var got []Word
	if !ReadWords(b, func(w Word) { got = append(got, w) }) || !reflect.DeepEqual(got, words) {
		t.Errorf("%+v became %+v", words, got)
	}
	if ReadWords(b[:len(b)-1], func(Word) {}) {
		t.Error("what was cut off is a word")
	}
}

func FuzzParcel(f *testing.F) {
	f.Add(example.Append(nil))
	w := Word{Kind: Answer, ID: 5, Text: []byte("x")}
	f.Add(w.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ReadCall(b); err == nil {
			again, err := ReadCall(c.Append(nil))
			if err != nil || !reflect.DeepEqual(again, c) {
				t.Fatalf("%+v became %+v, %v", c, again, err)
			}
		}
		ReadWords(b, func(Word) {})
	})
}
