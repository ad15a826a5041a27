package protocol

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"weir/codec/http1"
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
	if got, ok := ParseLogLevel([]byte("trace")); ok {
		t.Error(got)
	}
}

// An integer and its header are the same number or the call is refused; what no header may have is told so.
func TestParamHeadersOfNumbers(t *testing.T) {
	wanted, err := ParamHeaders(json.RawMessage(`{"properties":{"n":{"type":"integer","x-mcp-header":"N"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	f := func(argument, header, want string) {
		t.Helper()
		h := Header{Params: []http1.Param{{Name: []byte("n"), Value: []byte(header)}}}
		got := ""
		if e := h.CheckParams(wanted, []byte(`{"n":`+argument+`}`)); e != nil {
			got = e.Message
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s with %q: %q, want %q", argument, header, got, want)
		}
	}
	f("42", "42", "")
	f("42.0", "42", "")
	f("4.2e1", "42.0", "")
	f("-0", "0", "")
	f("9007199254740991", "9007199254740991", "")
	f("42", "43", "does not match")
	f("42", "42 ", "does not match")
	f("42", "NaN", "does not match")
	f("9007199254740991", "9007199254740992", "does not match")
	f(`"9007199254740993"`, "9007199254740993", "") // a string
	for _, argument := range []string{"9007199254740992", "9007199254740993", "-9007199254740992", "1.5", "1e400"} {
		f(argument, argument, "Mcp-Param-N is of a number that no header may have")
	}
}
