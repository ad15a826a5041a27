package loadtest

import (
	"encoding/json"

	"weir/codec/option"
	"weir/codec/yaml"
)

// ParseScenario reads a scenario; file is its name in messages. The error is option.Mistakes.
func ParseScenario(file string, text []byte) (*Scenario, error) {
	s := &Scenario{}
	option.SetDefaults(s)
	places, mistakes := yaml.Read(file, text, s)
	if places != nil {
		mistakes.AddNew(places.Locate(s.Validate()))
	}
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Validate returns everything that is wrong with a scenario, each error an *option.Mistake about its key in a file.
func (s *Scenario) Validate() []error {
	found := option.Check(s)
	if s.Arguments != "" && !IsObject(s.Arguments) {
		found.Add("arguments", `%s is not a JSON object: allowed is one in quotes, such as '{"ms": 5}'`,
			option.Quote(s.Arguments))
	}
	for i := range s.Phases {
		p, key := &s.Phases[i], option.Entry("phases", i)
		rates := 0
		for _, isSet := range []bool{p.Rate != Ramp{}, p.TotalRate > 0, p.Capacity > 0} {
			if isSet {
				rates++
			}
		}
		if rates > 1 {
			found.Add(key, "more than one of rate, total_rate and capacity: allowed is one of them")
		}
		if p.Capacity > 0 && s.Capacity == nil {
			found.Add(option.Join(key, "capacity"),
				"nothing measures it: allowed is one with a capacity section in the scenario")
		}
		if s.Closed && rates > 0 {
			found.Add(key, "a rate in a closed scenario: allowed is none, connections call as fast as they are answered")
		}
	}
	if s.Marks.Goodput != nil && s.Capacity == nil {
		found.Add("marks.goodput", "nothing to compare with: allowed is one with a capacity section in the scenario")
	}
	return found.Errors()
}

// IsObject says whether text is a JSON object.
func IsObject(text string) bool {
	var object map[string]any
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}
