package finder

import (
	"fmt"
	"strings"
)

// Options say when a list is replaced, and bound what is found.
type Options struct {
	// Mode is whether tools/list shows find_tools and call_tool in place of what is offered: auto where there are more
	// than above tools, on, or off. Whatever it is, every tool can be called by its own name.
	Mode string `yaml:"mode" default:"auto" oneof:"auto,on,off"`
	// Above is how many tools auto lists. Models choose worse among more, and some clients refuse more than 128.
	Above int `yaml:"above" default:"64" min:"0" max:"100000" unit:"tools"`
	// Always are names of tools that are listed all the same; a star at the end stands for any characters. So are tools
	// that have a user interface of their own (_meta.ui), because their clients look for them in the list.
	Always []string `yaml:"always" max:"1000"`
	// MaxFoundBytes is how much one answer of find_tools says of tools, in bytes of JSON, which clients get twice: as
	// structured content and as text. Of a tool for which less is left its name and the beginning of its description are
	// told; asked for alone it is told whole.
	MaxFoundBytes int `yaml:"max_found_bytes" default:"32 KiB" min:"1 KiB" max:"1 MiB" unit:"bytes"`
	// MaxIndexBytes is how much memory the indexes of all views take together; a view has one when it was asked something.
	// Where less is left than the tools of a view have words, fewer of each are read, eight at least: the name first, then
	// title, description and parameters.
	MaxIndexBytes int `yaml:"max_index_bytes" default:"32 MiB" min:"64 KiB" max:"1 GiB" unit:"bytes"`
}

// lists says whether a tool of this name is listed in any case.
func (o *Options) lists(name string) bool {
	for _, wanted := range o.Always {
		if beginning, any := strings.CutSuffix(wanted, "*"); wanted == name || any && strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return false
}

// replaces says whether a list of so many tools is replaced; an empty one is not.
func (o *Options) replaces(tools int) bool {
	return tools > 0 && (o.Mode == "on" || o.Mode == "auto" && tools > o.Above)
}

// Describe says in a line whether a list is replaced of which is known that it has so many tools, or at least so many.
func (o *Options) Describe(tools int, atLeast bool) string {
	said := "on: find_tools and call_tool are listed instead of tools"
	switch {
	case o.Mode == "off":
		return "off: every tool is listed"
	case o.Mode == "auto" && o.replaces(tools):
		said = fmt.Sprintf("on, by auto: more than %d tools are offered, so find_tools and call_tool are listed instead",
			o.Above)
	case o.Mode == "auto" && !atLeast:
		return fmt.Sprintf("off, by auto: %d tools are offered, and up to %d are listed", tools, o.Above)
	case o.Mode == "auto":
		said = fmt.Sprintf("auto: where more than %d tools are offered, find_tools and call_tool are listed instead",
			o.Above)
	}
	if len(o.Always) > 0 {
		said += ", and " + strings.Join(o.Always, ", ")
	}
	return said
}
