package search

import (
	"unicode"
	"unicode/utf8"
)

// Texts are cut into words: runs of letters and digits in lower case, and the parts of such a run where its case or
// kind changes, so that "createIssue" is found by "create issue", "base64" by "base 64", and each as it stands. Scripts
// without spaces are cut into pairs of characters.

// maxWordBytes is how much of a word counts.
const maxWordBytes = 48

// cutter cuts texts into words. Its buffer is reused: a word is the taker's until the next.
type cutter struct {
	word  []byte // of the whole run
	parts []int  // where each part of it begins
	lower []byte // for stems: they may change their last letters
}

// cut gives take each word of a text, as a stem, until it has had enough.
func (c *cutter) cut(text string, take func(stem []byte) (more bool)) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case isDense(r):
			next, more := pairs(text, i, take)
			if !more {
				return
			}
			i = next
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			i = c.run(text, i)
			if !c.give(take) {
				return
			}
		default:
			i += size
		}
	}
}

// run reads a run of letters and digits that begins at i, and returns where it ends.
func (c *cutter) run(text string, i int) int {
	c.word, c.parts = c.word[:0], append(c.parts[:0], 0)
	var before, last rune // the two characters that came last
	lastAt := 0
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if isDense(r) || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		i += size
		if len(c.word) > maxWordBytes-utf8.UTFMax {
			continue
		}
		switch {
		case last == 0:
		case unicode.IsDigit(r) != unicode.IsDigit(last), unicode.IsUpper(r) && unicode.IsLower(last):
			c.parts = append(c.parts, len(c.word))
		case unicode.IsLower(r) && unicode.IsUpper(last) && unicode.IsUpper(before):
			c.parts = append(c.parts, lastAt) // HTTPServer is HTTP and Server
		}
		before, last, lastAt = last, r, len(c.word)
		c.word = utf8.AppendRune(c.word, unicode.ToLower(r))
	}
	return i
}

// give hands out the run that was read: as a whole, and in its parts if it has several.
func (c *cutter) give(take func(stem []byte) bool) bool {
	if !c.giveOne(c.word, take) || len(c.parts) == 1 {
		return len(c.parts) == 1
	}
	for i, from := range c.parts {
		to := len(c.word)
		if i+1 < len(c.parts) {
			to = c.parts[i+1]
		}
		if !c.giveOne(c.word[from:to], take) {
			return false
		}
	}
	return true
}

// giveOne hands out one word. A single letter says nothing.
func (c *cutter) giveOne(word []byte, take func(stem []byte) bool) bool {
	if len(word) == 1 && (word[0] < '0' || word[0] > '9') {
		return true
	}
	c.lower = append(c.lower[:0], word...)
	return take(stem(c.lower))
}

// isDense says whether a script has no spaces between words.
func isDense(r rune) bool {
	return r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

// pairs gives take each pair of neighbours in a run of a dense script that begins at i, and returns where it ends.
func pairs(text string, i int, take func(stem []byte) bool) (end int, more bool) {
	var pair [2 * utf8.UTFMax]byte
	lastAt, alone := -1, true
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !isDense(r) {
			break
		}
		i += size
		if lastAt >= 0 {
			alone = false
			if !take(append(pair[:0], text[lastAt:i]...)) {
				return i, false
			}
		}
		lastAt = i - size
	}
	if alone && !take(append(pair[:0], text[lastAt:i]...)) {
		return i, false
	}
	return i, true
}

// stem takes the endings of English off a word in lower case, in place: those that tell "creates", "creating",
// "created" and "creation" from "create". It is light on purpose. A full stemmer brings more words together than mean
// one thing, and names of tools are short: each such word costs a place among the first five.
func stem(w []byte) []byte {
	if len(w) < 4 || w[0]-'0' <= 9 {
		return w
	}
	switch {
	case ends(w, "ies") && len(w) > 4:
		w = append(w[:len(w)-3], 'y')
	case ends(w, "ied") && len(w) > 4:
		w = append(w[:len(w)-3], 'y')
	case ends(w, "sses"):
		w = w[:len(w)-2]
	case ends(w, "s") && !ends(w, "ss") && !ends(w, "us") && !ends(w, "is"):
		w = w[:len(w)-1]
	}
	switch {
	case ends(w, "ing") && hasVowel(w[:len(w)-3]):
		w = undouble(w[:len(w)-3])
	case ends(w, "ed") && hasVowel(w[:len(w)-2]):
		w = undouble(w[:len(w)-2])
	case ends(w, "ion") && len(w) > 7:
		w = w[:len(w)-3]
	}
	if ends(w, "e") && len(w) > 3 {
		w = w[:len(w)-1]
	}
	return w
}

func ends(w []byte, with string) bool {
	return len(w) >= len(with) && string(w[len(w)-len(with):]) == with
}

// hasVowel says whether a stem could be a word: "string" and "bring" end with no -ing.
func hasVowel(w []byte) bool {
	if len(w) < 3 {
		return false
	}
	for _, c := range w {
		switch c {
		case 'a', 'e', 'i', 'o', 'u', 'y':
			return true
		}
	}
	return false
}

// undouble makes one of the two consonants that an ending has doubled, as in "running"; not in "calling" and "adding".
func undouble(w []byte) []byte {
	n := len(w)
	if n < 4 || w[n-1] != w[n-2] {
		return w
	}
	switch w[n-1] {
	case 'l', 's', 'z', 'a', 'e', 'i', 'o', 'u':
		return w
	}
	return w[:n-1]
}
