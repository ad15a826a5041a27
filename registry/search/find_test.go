package search

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plenty is more than an index takes.
const plenty = 16 << 20

// realTools are what mounts of the frozen lists' names would offer.
func realTools(t testing.TB) (names []string, documents []Document) {
	files, err := filepath.Glob("testdata/tools/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no lists", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		each(bytes.TrimSpace(text), func(one []byte) {
			d := ReadTool(one)
			d.Mount = strings.TrimSuffix(filepath.Base(file), ".json")
			names, documents = append(names, d.Mount+"_"+d.Name), append(documents, d)
		})
	}
	return names, documents
}

// question is one of testdata, with the tools that answer it.
type question struct {
	text  string
	right []string
}

func questions(t testing.TB, file string) (all []question) {
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		i := strings.LastIndex(lines.Text(), " = ")
		all = append(all, question{lines.Text()[:i], strings.Split(lines.Text()[i+3:], ", ")})
	}
	return all
}

// rank is where the first right tool is among those found, from 1; 0 is nowhere.
func rank(found []int, names []string, q question) int {
	for i, d := range found {
		for _, right := range q.right {
			if names[d] == right {
				return i + 1
			}
		}
	}
	return 0
}

// The mark: of real questions over real tools, the right one is among five. -v says how often, and for which it is not.
func TestHitRate(t *testing.T) {
	names, documents := realTools(t)
	if len(documents) < 150 {
		t.Fatalf("%d tools", len(documents))
	}
	ix := New(documents, plenty)
	for _, file := range []string{"tuned.txt", "practice.txt", "held-out.txt"} {
		all, first, five := questions(t, file), 0, 0
		for _, q := range all {
			found := ix.Find(q.text, 10)
			at := rank(found, names, q)
			if at == 1 {
				first++
			}
			if at > 0 && at <= 5 {
				five++
				continue
			}
			t.Logf("%s: not among five: %v", q.text, q.right)
		}
		t.Logf("%s: %d tools, %d questions: the right tool first %d %%, among five %d %%", file, len(names), len(all),
			100*first/len(all), 100*five/len(all))
		if 100*five < 85*len(all) {
			t.Errorf("%s: the right tool is among five for %d of %d questions, at least 85 %%", file, five, len(all))
		}
	}
}
