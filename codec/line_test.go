package codec

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// cutLines is the model: split at LF, drop one CR, skip what is blank; what follows the last LF is unfinished.
func cutLines(stream []byte) (lines []string, rest int) {
	for {
		at := bytes.IndexByte(stream, '\n')
		if at < 0 {
			return lines, len(stream)
		}
		if line := bytes.TrimSuffix(stream[:at], []byte("\r")); !blank(string(line)) {
			lines = append(lines, string(line))
		}
		stream = stream[at+1:]
	}
}

// blank says whether a line is white space, after a byte order mark or none.
func blank(line string) bool { return strings.Trim(strings.TrimPrefix(line, "\ufeff"), " \t\r") == "" }

// feedLines gives the pieces to a decoder as a connection would: each call sees what is left with more appended, in a
// buffer of its own, so that a pointer kept from an earlier call would show.
func feedLines(pieces [][]byte, max int) (lines []string, rest int, err error) {
	var d LineDecoder
	var held []byte
	for _, piece := range pieces {
		next := append(bytes.Clone(held), piece...)
		for i := range held {
			held[i] = '#'
		}
		held = next
		for {
			msg, n, err := d.Next(held, max)
			if err != nil {
				return lines, len(held), err
			}
			if n == 0 {
				if msg != nil {
					return lines, len(held), errors.New("a message of no bytes")
				}
				break
			}
			if msg != nil {
				if len(msg) == 0 || cap(msg) != len(msg) {
					return lines, len(held), fmt.Errorf("message with len %d cap %d", len(msg), cap(msg))
				}
				lines = append(lines, string(msg))
			}
			held = held[n:]
		}
	}
	return lines, len(held), nil
}

func singleBytes(stream []byte) (pieces [][]byte) {
	for i := range stream {
		pieces = append(pieces, stream[i:i+1])
	}
	return pieces
}

// TestLineVectorsCutEverywhere: each JSON vector as a line between two others, cut at each byte and fed byte by byte,
// gives what the whole gives.
func TestLineVectorsCutEverywhere(t *testing.T) {
	for _, v := range vectors {
		if len(v.text) > 1000 {
			continue
		}
		stream := []byte("{}\n" + v.text + "\r\n\n\r\n[1]\ntail")
		want, wantRest := cutLines(stream)
		check := func(how string, pieces [][]byte) {
			lines, rest, err := feedLines(pieces, 4096)
			if err != nil || rest != wantRest || fmt.Sprint(lines) != fmt.Sprint(want) {
				t.Errorf("%s, %s: got %q rest %d err %v, want %q rest %d", v.name, how, lines, rest, err, want, wantRest)
			}
		}
		for cut := range len(stream) + 1 {
			check(fmt.Sprintf("cut at %d", cut), [][]byte{stream[:cut], stream[cut:]})
		}
		check("byte by byte", singleBytes(stream))
	}
}

// TestScanVectorsThroughLines: a verdict does not depend on how the bytes came.
func TestScanVectorsThroughLines(t *testing.T) {
	lim := DefaultLimits().JSON
	for _, v := range vectors {
		if strings.ContainsAny(v.text, "\n") || strings.HasSuffix(v.text, "\r") || blank(v.text) || len(v.text) > 1000 {
			continue // as lines these are several messages, fewer bytes, or none
		}
		want := scanned(v.text, &lim)
		lines, _, err := feedLines(singleBytes([]byte(v.text+"\n")), 4096)
		if err != nil || len(lines) != 1 || scanned(lines[0], &lim) != want {
			t.Errorf("%s: lines %q err %v, want one that gives %s", v.name, lines, err, want)
		}
	}
}

// TestLineLimit: the longest line passes with either end, one byte more is refused as soon as it is certain, in one
// piece or in many, and for good.
func TestLineLimit(t *testing.T) {
	const max = 10
	ten, eleven := strings.Repeat("x", 10), strings.Repeat("x", 11)
	for _, row := range []struct {
		stream string
		lines  int
		ok     bool
	}{
		{ten + "\n", 1, true},
		{ten + "\r\n", 1, true},
		{ten, 0, true},
		{ten + "\r", 0, true},
		{ten + "\r\r\n", 0, false}, // one CR belongs to the end, the other to the line
		{ten + "\rx", 0, false},
		{eleven, 0, false},
		{eleven + "\n", 0, false},
		{eleven + "\r\n", 0, false},
		{"ok\n" + eleven, 1, false},
		{strings.Repeat("\n", 100) + ten + "\n", 1, true},
		{strings.Repeat("x", 1000) + "\n", 0, false},
	} {
		for how, pieces := range map[string][][]byte{"whole": {[]byte(row.stream)},
			"bytes": singleBytes([]byte(row.stream))} {
			lines, _, err := feedLines(pieces, max)
			if len(lines) != row.lines || (err == nil) != row.ok || err != nil && !errors.Is(err, ErrMessageTooLarge) {
				t.Errorf("%q (%s): got %q, %v", row.stream, how, lines, err)
			}
		}
	}
	var d LineDecoder
	for range 3 {
		if _, n, err := d.Next([]byte(eleven+"\n{}\n"), max); n != 0 || !errors.Is(err, ErrMessageTooLarge) {
			t.Errorf("broken for good, but n %d err %v", n, err)
		}
	}
}

// TestLineLooksOnce: what was searched is not searched again. The decoder's own mark shows it; the bytes before the
// mark are replaced by LFs, which it would find if it looked.
func TestLineLooksOnce(t *testing.T) {
	var d LineDecoder
	if _, n, err := d.Next([]byte("abc"), 100); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	msg, n, err := d.Next([]byte("\n\n\nd\n"), 100)
	if err != nil || n != 5 || string(msg) != "\n\n\nd" {
		t.Fatalf("msg %q n %d err %v: looked again at what held no LF", msg, n, err)
	}
}

func TestLineAllocatesNothing(t *testing.T) {
	stream := []byte("{}\n\r\n{\"a\":1}\r\n")
	if n := testing.AllocsPerRun(100, func() {
		var d LineDecoder
		for b := stream; len(b) > 0; {
			_, n, err := d.Next(b, 100)
			if n == 0 || err != nil {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
