package tidy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// concurrent is what starts goroutines, or programs that are waited for on some.
var concurrent = regexp.MustCompile(`(?m)^\s+go [\w.]+.*\)?$|\.Go\(|\bhttptest\.New|\bexec\.Command|\.AfterFunc\(`)

// TestTidyLeaks: the tests of a package that starts goroutines, or whose tests do, end when all of them have.
func TestTidyLeaks(t *testing.T) {
	starts, checked, tested := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, name := range tracked(t, ".go") {
		folder, text := filepath.Dir(name), strings.Join(lines(t, name), "\n")
		if strings.HasSuffix(name, "_test.go") {
			tested[folder] = true
			checked[folder] = checked[folder] || strings.Contains(text, "goleak.VerifyTestMain(")
		}
		starts[folder] = starts[folder] || concurrent.MatchString(text)
	}
	for folder := range tested {
		if starts[folder] && !checked[folder] {
			t.Errorf("%s: no TestMain of its tests calls goleak.VerifyTestMain", folder)
		}
	}
}
