package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"weir/codec"
	"weir/registry"
	"weir/registry/engine"
)

func TestTools(t *testing.T) {
	options := registry.DefaultOptions()
	options.Name, options.Version = "demo", "1.0"
	r, err := registry.New(options)
	if err != nil {
		t.Fatal(err)
	}
	AddTools(r)
	limits, conv := codec.DefaultLimits(), new(engine.Conversation)
	send := func(method, params string) string {
		t.Helper()
		x := &engine.Exchange{Call: engine.Call{Conv: conv,
			Raw: []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + `}}`)}}
		if err := codec.Scan(x.Raw, &x.Env, &limits.JSON); err != nil {
			t.Fatal(err)
		}
		r.Engine().Route(x)
		return string(r.Engine().Dispatch(x, nil))
	}
	send("initialize", `"protocolVersion":"2025-11-25"`)
	f := func(tool, arguments, want string) {
		t.Helper()
		if got := send("tools/call", `"name":"`+tool+`","arguments":`+arguments); !strings.Contains(got, want) {
			t.Errorf("%s %s: %s", tool, arguments, got)
		}
	}
	f("echo", `{"message":"m"}`, `"text":"m"`)
	f("time", `{}`, `Z"}`)
	f("sleep", `{"ms":0}`, `slept`)
	f("sleep", `{"ms":600001}`, `isError`)
	f("burn", `{"us":100}`, `burnt`)
	f("burn", `{"us":10000001}`, `isError`)
	f("burn", `{"us":-1}`, `isError`)
}

// burn gives its core back when its client is gone.
func TestBurnIsCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, _, err := burn(ctx, nil, burnIn{Micros: maxBurnMicros}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
