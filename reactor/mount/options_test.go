package mount

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	f := func(change func(o *Options), want string) {
		t.Helper()
		o := DefaultOptions()
		change(&o)
		var got []string
		for _, err := range o.Validate() {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
	f(func(o *Options) { o.Command = "x" }, "")
	f(func(o *Options) { o.TCP = "x:1" }, "")
	f(func(*Options) {}, "0 of command, url, unix and tcp are set: allowed is one of them, which says what is mounted")
	f(func(o *Options) { o.TCP, o.Command = "x:1", "x" },
		"2 of command, url, unix and tcp are set: allowed is one of them, which says what is mounted")
	f(func(o *Options) { o.TCP, o.Args = "x:1", []string{"a"} },
		"args, env, inherit_env and cwd are for a command, and there is none: allowed is to leave them out")
	f(func(o *Options) { o.TCP, o.Era = "x:1", "new" }, `era: "new" is unknown: allowed is auto, legacy or modern`)
	f(func(o *Options) { o.TCP, o.MaxInFlight = "x:1", 0 }, "max_in_flight: 0 is below 1: allowed is 1 to 500000 calls")
}
