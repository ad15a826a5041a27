package registry_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

var ctx = context.Background()

// A tool is a function with the signature of the official SDK; its schemas come from its types.
func ExampleAddTool() {
	type sumIn struct {
		Numbers []float64 `json:"numbers" jsonschema:"what to add"`
	}
	type sumOut struct {
		Sum float64 `json:"sum"`
	}
	r := newRegistry()
	registry.AddTool(r, &mcp.Tool{Name: "sum", Description: "Adds numbers."},
		func(_ context.Context, _ *mcp.CallToolRequest, in sumIn) (*mcp.CallToolResult, sumOut, error) {
			var out sumOut
			for _, n := range in.Numbers {
				out.Sum += n
			}
			return nil, out, nil
		}, registry.Cheap()) // it computes and never waits

	client, stop := connect(r, "2026-07-28", nil)
	defer stop()
	fmt.Println(said(client.CallTool(ctx, &mcp.CallToolParams{Name: "sum",
		Arguments: map[string]any{"numbers": []int{1, 2, 3}}})))
	// Output:
	// {"sum":6}
}

// A tool that takes a while tells how far it is, and stops when its client gives up.
func ExampleProgress() {
	type brewIn struct {
		Cups int `json:"cups"`
	}
	r := newRegistry()
	registry.AddTool(r, &mcp.Tool{Name: "brew", Description: "Brews coffee."},
		func(ctx context.Context, _ *mcp.CallToolRequest, in brewIn) (*mcp.CallToolResult, any, error) {
			for cup := 1; cup <= in.Cups; cup++ {
				if err := ctx.Err(); err != nil {
					return nil, nil, err
				}
				registry.Progress(ctx, float64(cup), float64(in.Cups), fmt.Sprintf("cup %d", cup))
			}
			return text("enjoy"), nil, nil
		})

	heard := make(chan string, 2)
	client, stop := connect(r, "2025-11-25", &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
			heard <- fmt.Sprintf("%v of %v: %s", req.Params.Progress, req.Params.Total, req.Params.Message)
		},
	})
	defer stop()
	call := &mcp.CallToolParams{Name: "brew", Arguments: map[string]any{"cups": 2}}
	call.SetProgressToken("coffee")
	fmt.Println(said(client.CallTool(ctx, call)))
	fmt.Println(<-heard)
	fmt.Println(<-heard)
	// Output:
	// enjoy
	// 1 of 2: cup 1
	// 2 of 2: cup 2
}

// A handler that needs something from the user returns what it asks for, and is called again with the answer. It is the
// same for clients of both eras: the older ones are sent a request, the newer ones get the question as the answer to
// their call. No goroutine waits for the user.
func ExampleAddTool_elicitation() {
	type bookIn struct {
		Table string `json:"table"`
	}
	r := newRegistry()
	registry.AddTool(r, &mcp.Tool{Name: "book", Description: "Books a table."},
		func(_ context.Context, req *mcp.CallToolRequest, in bookIn) (*mcp.CallToolResult, any, error) {
			answer, asked := req.Params.InputResponses["day"].(*mcp.ElicitResult)
			switch {
			case !asked:
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"day": &mcp.ElicitParams{
					Message: "Which day?",
					RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{
						"day": map[string]any{"type": "string"},
					}},
				}}}, nil, nil
			case answer.Action != "accept":
				return text("nothing is booked"), nil, nil
			}
			return text(fmt.Sprintf("table %s on %v", in.Table, answer.Content["day"])), nil, nil
		})

	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		client, stop := connect(r, revision, &mcp.ClientOptions{
			ElicitationHandler: func(_ context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				fmt.Println(req.Params.Message)
				return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"day": "Monday"}}, nil
			},
		})
		fmt.Println(said(client.CallTool(ctx, &mcp.CallToolParams{Name: "book", Arguments: map[string]any{"table": "7"}})))
		stop()
	}
	// Output:
	// Which day?
	// table 7 on Monday
	// Which day?
	// table 7 on Monday
}

// A template serves every URI that it matches. Whoever subscribed to one of them hears when it is worth reading again.
func ExampleRegistry_AddResourceTemplate() {
	var degrees atomic.Int64
	degrees.Store(3)
	r := newRegistry()
	r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "weather://{city}", Name: "weather", MIMEType: "text/plain"},
		func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			if strings.TrimPrefix(req.Params.URI, "weather://") != "oslo" {
				return nil, mcp.ResourceNotFoundError(req.Params.URI)
			}
			text := fmt.Sprintf("%d degrees", degrees.Load())
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: text}}}, nil
		})

	updated := make(chan string, 1)
	client, stop := connect(r, "2025-11-25", &mcp.ClientOptions{
		ResourceUpdatedHandler: func(_ context.Context,
			req *mcp.ResourceUpdatedNotificationRequest) {
			updated <- req.Params.URI
		},
	})
	defer stop()
	read := func(uri string) {
		result, err := client.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(uri, result.Contents[0].Text)
	}
	read("weather://oslo")
	read("weather://atlantis")
	if err := client.Subscribe(ctx, &mcp.SubscribeParams{URI: "weather://oslo"}); err != nil {
		log.Fatal(err)
	}
	degrees.Store(4)
	r.ResourceUpdated("weather://oslo")
	read(<-updated)
	// Output:
	// weather://oslo 3 degrees
	// calling "resources/read": Resource not found
	// weather://oslo 4 degrees
}

// A server that was written for the official SDK is taken over whole, and followed as it changes.
func ExampleRegistry_Adopt() {
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	type greetIn struct {
		Name string `json:"name"`
	}
	mcp.AddTool(theirs, &mcp.Tool{Name: "greet"},
		func(_ context.Context, _ *mcp.CallToolRequest, in greetIn) (*mcp.CallToolResult, any, error) {
			return text("Hello, " + in.Name), nil, nil
		})

	r := newRegistry()
	adopted, err := r.Adopt(theirs, registry.Adoption{OnError: func(err error) { log.Print(err) }})
	if err != nil {
		log.Fatal(err)
	}
	defer adopted.Close()

	client, stop := connect(r, "2026-07-28", nil)
	defer stop()
	fmt.Println(said(client.CallTool(ctx, &mcp.CallToolParams{Name: "greet", Arguments: map[string]any{"name": "Ada"}})))
	// Output:
	// Hello, Ada
}

// A handler that was written for the official SDK speaks to its client through its Session. To ask a client of
// 2026-07-28 it must return InputRequests, as the example of elicitation does for all clients.
func ExampleAddTool_session() {
	r := newRegistry()
	registry.AddTool(r, &mcp.Tool{Name: "order"},
		func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			answer, err := req.Session.Elicit(ctx, &mcp.ElicitParams{Message: "Are you sure?"})
			if err != nil {
				return nil, nil, err
			}
			return text("the user's answer: " + answer.Action), nil, nil
		})

	client, stop := connect(r, "2025-11-25", &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept"}, nil
		},
	})
	defer stop()
	fmt.Println(said(client.CallTool(ctx, &mcp.CallToolParams{Name: "order"})))
	// Output:
	// the user's answer: accept
}
