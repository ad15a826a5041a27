package search

import "strings"

// Questions bring what they are about: a file's name, an address, a colour. What it is is a word of the question then,
// though nobody has said it.

var (
	fileWord, urlWord, addressWord = stem([]byte("file")), stem([]byte("url")), stem([]byte("ip"))
	colourWord, characterWord      = stem([]byte("color")), stem([]byte("unicode"))
)

// longestExtension is how many letters the end of a file's name has.
const longestExtension = 5

// shapes gives take the word for each kind of thing that a question brings, as a stem, once.
func shapes(question string, take func(stem []byte)) {
	given := map[string]bool{}
	for word := range strings.FieldsSeq(question) {
		kind := shape(strings.Trim(word, ".,;:!?()\"'`"))
		if kind != nil && !given[string(kind)] {
			given[string(kind)] = true
			take(kind)
		}
	}
}

// shape is what a word is of; nil: it is a word.
func shape(word string) []byte {
	switch {
	case strings.Contains(word, "://"):
		return urlWord
	case strings.HasPrefix(word, "#") && len(word) > 3 && only(word[1:], isHex):
		return colourWord
	case strings.HasPrefix(word, "U+") && only(word[2:], isHex):
		return characterWord
	case strings.Count(word, ".") == 3 && only(word, func(c byte) bool { return isDigit(c) || c == '.' || c == '/' }):
		return addressWord
	}
	dot := strings.LastIndexByte(word, '.')
	if dot > 0 && len(word)-dot-1 <= longestExtension && only(word[dot+1:], isLetterOrDigit) &&
		!only(word[dot+1:], isDigit) {
		return fileWord
	}
	return nil
}

// only says whether a text has characters of one kind, and some.
func only(text string, kind func(c byte) bool) bool {
	for i := range len(text) {
		if !kind(text[i]) {
			return false
		}
	}
	return text != ""
}

func isDigit(c byte) bool         { return c-'0' <= 9 }
func isHex(c byte) bool           { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isLetterOrDigit(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' }
