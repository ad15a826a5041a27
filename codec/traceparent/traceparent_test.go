package traceparent

import (
	"bytes"
	"strings"
	"testing"
)

const sample = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestParse: the examples of the specification, and what it forbids.
func TestParse(t *testing.T) {
	f := func(text string, ok, sampled bool) {
		t.Helper()
		c, got := Parse([]byte(text))
		if got != ok || c.Sampled != sampled {
			t.Errorf("%q: ok %v, sampled %v", text, got, c.Sampled)
		}
	}
	f(sample, true, true)
	f(strings.TrimSuffix(sample, "01")+"00", true, false)
	f(strings.TrimSuffix(sample, "01")+"03", true, true) // level 2 has a second flag
	f("cc"+sample[2:], true, true)
	f("cc"+sample[2:]+"-what-the-future-will-be", true, true)
	f("cc"+sample[2:]+".what", false, false)
	f(sample+"-more", false, false)
	f("ff"+sample[2:], false, false)
	f(sample[:54], false, false)
	f("", false, false)
	f(strings.ToUpper(sample), false, false)
	f(strings.Replace(sample, "0af7651916cd43dd8448eb211c80319c", strings.Repeat("0", 32), 1), false, false)
	f(strings.Replace(sample, "b7ad6b7169203331", strings.Repeat("0", 16), 1), false, false)
	f(strings.Replace(sample, "b7ad", "b7xd", 1), false, false)
	f(strings.Replace(sample, "-", "_", 1), false, false)
	f(" "+sample, false, false)
}

func TestCheckState(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		if got := CheckState([]byte(text)); got != ok {
			t.Errorf("%q: %v", text, got)
		}
	}
	f("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true)
	f("", true)
	f("a=b\r\nX: y", false)
	f("a=ü", false)
	f(strings.Repeat("x", MaxStateBytes), true)
	f(strings.Repeat("x", MaxStateBytes+1), false)
}

// FuzzParse: what is read is written as it was, as far as version 00 goes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("cc" + sample[2:] + "-x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, ok := Parse(text)
		if !ok {
			return
		}
		if again := c.Append(nil); !bytes.Equal(again[3:52], text[3:52]) || len(again) != Bytes {
			t.Errorf("%q was written as %q", text, again)
		}
	})
}
