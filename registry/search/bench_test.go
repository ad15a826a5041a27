package search

import "testing"

// many is n documents, of real tools, some of them several times under other names.
func many(b testing.TB, n int) []Document {
	_, real := realTools(b)
	documents := make([]Document, n)
	for i := range documents {
		documents[i] = real[i%len(real)]
		documents[i].Name += string(rune('a' + i/len(real)))
	}
	return documents
}

// BenchmarkFind asks the 50 questions of held-out.txt in turn, over 300 tools.
func BenchmarkFind(b *testing.B) {
	ix, all := New(many(b, 300), plenty), questions(b, "held-out.txt")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ix.Find(all[i%len(all)].text, 5)
	}
}

// BenchmarkFindLong asks the longest question that is looked at whole.
func BenchmarkFindLong(b *testing.B) {
	ix := New(many(b, 300), plenty)
	question := ""
	for range maxQuestionWords / 4 {
		question += "list create get update "
	}
	b.ReportAllocs()
	for b.Loop() {
		ix.Find(question, 20)
	}
}

func BenchmarkNew(b *testing.B) {
	documents := many(b, 300)
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(New(documents, plenty).Bytes()), "index-bytes")
	}
}

// The mark of a search is 200 us over 300 tools; here what it allocates is held, which no other process disturbs.
func TestFindAllocations(t *testing.T) {
	ix := New(many(t, 300), plenty)
	// The scores, the room for words (three pieces that grow), what is found, what shapes were seen.
	if n := testing.AllocsPerRun(100, func() { ix.Find("create an issue in a repository", 5) }); n > 12 {
		t.Errorf("%v allocations", n)
	}
}
