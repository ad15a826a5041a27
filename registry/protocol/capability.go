package protocol

import "weir/codec"

// Capabilities is a set of what a client can be asked for, as it declared.
type Capabilities uint8

const (
	ElicitForm Capabilities = 1 << iota
	ElicitURL
	Sampling
	SamplingTools
	Roots // the last
)

// capabilityTable says how each is declared: a member of the capabilities, and a member of that, if it needs one.
var capabilityTable = [...]struct {
	bit          Capabilities
	name, detail string
}{
	{ElicitForm, "elicitation", "form"},
	{ElicitURL, "elicitation", "url"},
	{Sampling, "sampling", ""},
	{SamplingTools, "sampling", "tools"},
	{Roots, "roots", ""},
}

// ReadCapabilities is what a client declares with object, a JSON object that codec.Scan has checked, or nil.
func ReadCapabilities(object []byte) (declared Capabilities) {
	for _, c := range capabilityTable {
		if declares(codec.Member(object, c.name), c.detail) {
			declared |= c.bit
		}
	}
	return declared
}

// declares says whether a capability is declared with a detail. A form is what an elicitation without details means
// (MCP 2025-11-25, client/elicitation, capabilities).
func declares(capability []byte, detail string) bool {
	switch {
	case capability == nil || capability[0] != '{':
		return false
	case detail == "" || named(capability, detail):
		return true
	}
	return detail == "form" && !named(capability, "url")
}

// named says whether an object has a member that is not null, as encoders write what is not set.
func named(object []byte, member string) bool {
	value := codec.Member(object, member)
	return value != nil && value[0] != 'n'
}

// Declaration is how a client declares the set, as an object of its members. The caller owns it.
func (c Capabilities) Declaration() map[string]any {
	declared := map[string]any{}
	for _, known := range capabilityTable {
		if c&known.bit == 0 {
			continue
		}
		details, _ := declared[known.name].(map[string]any)
		if details == nil {
			details = map[string]any{}
			declared[known.name] = details
		}
		if known.detail != "" {
			details[known.detail] = map[string]any{}
		}
	}
	return declared
}
