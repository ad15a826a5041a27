package protocol

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The table is in order of time, every row finds itself, and its set is its own bit.
func TestRevisions(t *testing.T) {
	var versions []string
	for i := range RevisionCount {
		r := RevisionAt(i)
		if got := FindRevision([]byte(r.Version)); got != i || r.Set != 1<<i {
			t.Errorf("%s: found at %d, set %b", r.Version, got, r.Set)
		}
		if r.Modern != (r.Set&ModernRevisions != 0) || !r.Modern && i > LatestLegacy {
			t.Errorf("%s: its era is said twice, and differently", r.Version)
		}
		versions = append(versions, r.Version)
	}
	if !slices.IsSorted(versions) || FindRevision([]byte("2024-11-06")) != -1 || FindRevision(nil) != -1 {
		t.Error(versions)
	}
	slices.Reverse(versions)
	if got := `["` + strings.Join(versions, `","`) + `"]`; got != SupportedVersions() {
		t.Errorf("%s, want %s", SupportedVersions(), got)
	}
}

// What a set declares is read as that set: each capability alone, and all of them.
func TestCapabilities(t *testing.T) {
	f := func(c, want Capabilities) {
		t.Helper()
		object, err := json.Marshal(c.Declaration())
		if err != nil {
			t.Fatal(err)
		}
		if got := ReadCapabilities(object); got != want {
			t.Errorf("%s: %b, want %b", object, got, want)
		}
	}
	f(0, 0)
	f(ElicitForm, ElicitForm)
	f(ElicitURL, ElicitURL)
	f(Sampling, Sampling)
	f(SamplingTools, Sampling|SamplingTools)
	f(Roots, Roots)
	f(ElicitForm|ElicitURL|Sampling|SamplingTools|Roots, ElicitForm|ElicitURL|Sampling|SamplingTools|Roots)
	if got := ReadCapabilities([]byte(`{"elicitation":{},"sampling":true,"roots":null}`)); got != ElicitForm {
		t.Errorf("%b", got)
	}
	if ReadCapabilities(nil) != 0 {
		t.Error("nothing declares something")
	}
}

func TestLogLevels(t *testing.T) {
	for i := range logLevels {
		if got, ok := ParseLogLevel([]byte(LogLevel(i).String())); !ok || got != LogLevel(i) {
			t.Error(LogLevel(i), got, ok)
		}
	}
	if _, ok := ParseLogLevel([]byte("trace")); ok || DefaultLogLevel.String() != "info" {
		t.Error(DefaultLogLevel)
	}
}
