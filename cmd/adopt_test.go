package cmd

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// TestInteropAdopted: an SDK server's handler that asks and tells, behind this server, meets the SDK's client. Up to
// 2025-11-25 the question is a request of the server, since 2026-07-28 an answer to the call.
func TestInteropAdopted(t *testing.T) {
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	mcp.AddTool(theirs, &mcp.Tool{Name: "book"}, func(ctx context.Context, req *mcp.CallToolRequest,
		_ struct{}) (*mcp.CallToolResult, any, error) {
		answer, ok := req.Params.InputResponses["date"].(*mcp.ElicitResult)
		if !ok {
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"date": &mcp.ElicitParams{Message: "When?",
				RequestedSchema: map[string]any{"type": "object",
					"properties": map[string]any{"day": map[string]any{"type": "string"}}}}}}, nil, nil
		}
		told := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: req.Params.GetProgressToken(),
			Progress: 1})
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint("booked ",
			answer.Content["day"])}}}, nil, told
	})
	s := startTest(t, nil)
	adopted, err := s.registry.Adopt(theirs, registry.Adoption{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { adopted.Close() })
	for _, revision := range mcp.SupportedProtocolVersions() {
		if revision < "2025-06-18" {
			continue // there were no such questions
		}
		for name, transport := range map[string]mcp.Transport{
			"http": &mcp.StreamableClientTransport{Endpoint: "http://" + s.addresses["http"] + "/mcp"},
			"tcp":  dialLines(t, "tcp", s.addresses["tcp"]),
		} {
			t.Run(name+"/"+revision, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				progress := make(chan float64, 1)
				client := mcp.NewClient(&mcp.Implementation{Name: "weir-interop", Version: "1"}, &mcp.ClientOptions{
					ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
						return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"day": "Monday"}}, nil
					},
					ProgressNotificationHandler: func(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
						progress <- req.Params.Progress
					},
				})
				session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
				if err != nil {
					t.Fatal(err)
				}
				defer session.Close()
				params := &mcp.CallToolParams{Name: "book"}
				params.SetProgressToken("p")
				result, err := session.CallTool(ctx, params)
				if err != nil || result.IsError || result.Content[0].(*mcp.TextContent).Text != "booked Monday" {
					t.Fatalf("got %+v, %v", result, err)
				}
				select {
				case <-progress:
				case <-ctx.Done():
					t.Error("no progress came")
				}
			})
		}
	}
}
