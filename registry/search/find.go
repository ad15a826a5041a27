package search

// How much of a question is looked at, and how many words that begin with one of its words.
const (
	maxQuestionWords = 32
	maxPrefixed      = 16
	minPrefixed      = 3 // bytes of a word that may be the beginning of others
)

// What else than the question's own words says: one that means about the same, and one that begins with it.
const (
	alikePart  = 0.9
	prefixPart = 0.5
)

// finding is one search.
type finding struct {
	ix   *Index
	sums []float32 // by document
	best []float32 // by document, of the word that is looked at
}

// Find returns the places of the documents that the question is about, the likeliest first, limit at most. It
// allocates what it returns, 8 bytes for each document, and room for a word.
func (ix *Index) Find(question string, limit int) []int {
	if limit <= 0 || ix.documents == 0 {
		return nil
	}
	n := ix.documents
	scores := make([]float32, 2*n)
	f := finding{ix: ix, sums: scores[:n], best: scores[n:]}
	if !f.ask(question, false) {
		f.ask(question, true) // words such as "what" count where there are no others
	}
	shapes(question, f.look)
	return f.top(limit)
}

// ask looks at the words of a question that are common, or at those that are not, and says whether there are any.
func (f *finding) ask(question string, common bool) (some bool) {
	var c cutter
	var joined []byte
	words, last := 0, 0 // last is the length of the word before
	c.cut(question, func(stem []byte) bool {
		// "data source" is also "datasource", and "on call" is "oncall".
		joined = append(joined[:last], stem...)
		if last > 0 {
			f.same(joined)
			f.add()
		}
		joined = append(joined[:0], stem...)
		last = len(joined)
		if commonWords[string(stem)] == common {
			some = true
			f.look(stem)
		}
		words++
		return words < maxQuestionWords
	})
	return some
}

// look adds what one word of the question says.
func (f *finding) look(stem []byte) {
	from := f.same(stem)
	if len(stem) >= minPrefixed {
		for i := from; i < len(f.ix.terms) && i < from+maxPrefixed && hasPrefix(f.ix.terms[i], stem); i++ {
			f.note(i, prefixPart)
		}
	}
	f.add()
}

// same notes what a word says, and what those that mean about the same do. It returns where the word is, or would be.
func (f *finding) same(stem []byte) int {
	at, has := f.ix.search(stem)
	if has {
		f.note(at, 1)
	}
	for _, other := range alike[string(stem)] {
		if i, has := f.ix.search(other); has {
			f.note(i, alikePart)
		}
	}
	return at
}

// note keeps the most that a word, or one that stands for it, says of each document.
func (f *finding) note(term int, part float32) {
	for _, p := range f.ix.postings[f.ix.starts[term]:f.ix.starts[term+1]] {
		f.best[p.document] = max(f.best[p.document], part*p.impact)
	}
}

// add adds to each document what was noted of it.
func (f *finding) add() {
	for d, score := range f.best {
		f.sums[d] += score
		f.best[d] = 0
	}
}

// search finds where a term is, or would be.
func (ix *Index) search(term []byte) (int, bool) {
	low, high := 0, len(ix.terms)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if ix.terms[middle] < string(term) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(ix.terms) && ix.terms[low] == string(term)
}

func hasPrefix(s string, prefix []byte) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == string(prefix)
}

// top is the documents with the highest sums, of equal ones the first.
func (f *finding) top(limit int) []int {
	found := make([]int, 0, min(limit, f.ix.documents)+1)
	for d, sum := range f.sums {
		if sum == 0 || len(found) == limit && f.sums[found[limit-1]] >= sum {
			continue
		}
		found = append(found, d)
		for i := len(found) - 1; i > 0 && f.sums[found[i-1]] < sum; i-- {
			found[i], found[i-1] = found[i-1], found[i]
		}
		found = found[:min(len(found), limit)]
	}
	return found
}
