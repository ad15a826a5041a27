package queue

import (
	"errors"
	"strings"
	"testing"

	"weir/codec/option"
)

// TestEngine: what is no address of a broker is refused by its key, and so is a password in any of several.
func TestEngine(t *testing.T) {
	for engine, want := range map[string]string{
		"": "", "nats://a:4222": "", "nats://a:4222,nats://b:4222": "", "redis://a:6379/0": "", "amqp://a:5672/v": "",
		"a:4222": "not the address", "http://a": "not the address", "nats://a:4222,b": "not the address",
		"nats://u:p@a:4222": "password", "nats://a:4222,nats://u:p@b:4222": "password", "amqp://u:p@a:5672": "password",
	} {
		var o Options
		option.SetDefaults(&o)
		o.Engine = engine
		said := ""
		if err := errors.Join(o.Validate()...); err != nil {
			said = err.Error()
		}
		if said == "" != (want == "") || !strings.Contains(said, want) || strings.Contains(said, "u:p@") {
			t.Errorf("%q: %s", engine, said)
		}
	}
}
