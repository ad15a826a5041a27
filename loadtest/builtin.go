package loadtest

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

//go:embed scenarios/*.yaml
var builtIn embed.FS

// BuiltIn lists the scenarios that come with the program, by name.
func BuiltIn() []*Scenario {
	var all []*Scenario
	for _, name := range []string{"baseline", "flood", "bombing", "overload", "connect-storm", "fan-out", "hostile",
		"soak", "hundred-k"} {
		s, err := readBuiltIn(name)
		if err != nil {
			panic(fmt.Sprintf("loadtest: the built-in scenario %s: %v", name, err)) // a test reads them all
		}
		all = append(all, s)
	}
	return all
}

func readBuiltIn(name string) (*Scenario, error) {
	file := path.Join("scenarios", name+".yaml")
	text, err := builtIn.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ParseScenario(file, text)
}

// FindScenario returns a built-in scenario by name; nil when there is none.
func FindScenario(name string) *Scenario {
	all := BuiltIn()
	if i := slices.IndexFunc(all, func(s *Scenario) bool { return s.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// ErrNoScenario says that a name is neither built in nor a file.
var ErrNoScenario = errors.New("no such scenario")

// unknownScenario is the sentence for it.
func unknownScenario(name string) error {
	var names []string
	for _, s := range BuiltIn() {
		names = append(names, s.Name)
	}
	return fmt.Errorf("%w: %q is neither a file nor one of %s", ErrNoScenario, name, strings.Join(names, ", "))
}

// ReadScenario returns the scenario of a file, or the built-in one of that name. Its error names every mistake of the
// file with its line and column.
func ReadScenario(name string) (*Scenario, error) {
	if s := FindScenario(name); s != nil {
		return s, nil
	}
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, unknownScenario(name)
	}
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxScenarioBytes+1))
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if len(text) > maxScenarioBytes {
		return nil, fmt.Errorf("scenario: %s is larger than %d bytes, so it is not a scenario", name, maxScenarioBytes)
	}
	return ParseScenario(name, text)
}
