package schema

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/value"
)

// TestTypesAgainstSDK: what a server of the Go SDK takes is taken here too, and means the same; but for digits that the
// SDK changes. Where the SDK cannot have a type, or no call of it can be right, there is nothing to compare.
func TestTypesAgainstSDK(t *testing.T) {
	for _, c := range typeCases {
		t.Run(c.name, func(t *testing.T) { c.sdk(t, &c) })
	}
}

func sdkType[T any](t *testing.T, c *typeCase) {
	var shown any
	ours, err := Input[T](&shown, InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got T
	server := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	if why := registers(func() {
		mcp.AddTool(server, &mcp.Tool{Name: "t"}, func(_ context.Context, _ *mcp.CallToolRequest, in T) (*mcp.CallToolResult,
			any, error) {
			got = in
			return nil, nil, nil
		})
	}); why != nil {
		t.Skip("the SDK does not register it: ", why)
	}
	here, there := mcp.NewInMemoryTransports()
	session, err := server.Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	client, err := mcp.NewClient(&mcp.Implementation{Name: "c", Version: "1"}, nil).Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, text := range append(append(list{}, c.good...), c.bad...) {
		var mine, none T
		got = none
		result, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: "t", Arguments: json.RawMessage(text)})
		if err != nil || result.IsError || loses(text) {
			continue
		}
		if slices.Contains(c.bad, text) && stricter[text] != "" {
			continue
		}
		if err := ours.Decode(new(Decoder), text, &mine); err != nil {
			t.Errorf("%s: %v, the SDK takes it for %+v", text, err, got)
		} else if !same(&mine, &got) {
			t.Errorf("%s: %+v, the SDK has %+v", text, mine, got)
		}
	}
}

// stricter is what the SDK takes and is refused here on purpose.
var stricter = map[string]string{
	`{"X":[1]}`:                  "bytes as an array of numbers, which never come back so",
	`{"X":"green"}`:              "an enum that the SDK does not know",
	`{"count":3}`:                "likewise",
	`{"count":1,"unit":"k"}`:     "likewise",
	`{"count":1,"days":["wed"]}`: "likewise",
	`{"a":1,"b":"x"}`:            "the fields of an embedded struct that has a name: the SDK decodes nothing of them",
}

// registers calls add and returns what it panicked with.
func registers(add func()) (why any) {
	defer func() { why = recover() }()
	add()
	return nil
}

var numberToken = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)

// loses says whether the text has a number that a float64 or float32 changes.
func loses(text string) bool {
	for _, token := range numberToken.FindAllString(text, -1) {
		if !value.Survives(token) || !value.Fits(token, 32) {
			return true
		}
	}
	return false
}
