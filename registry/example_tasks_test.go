package registry_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// One option makes the calls of a tool tasks, for clients that can have some: they get an id at once and ask for the
// rest when they like, over whatever connection.
func ExampleTasks() {
	r := newRegistry()
	registry.AddTool(r, &mcp.Tool{Name: "report", Description: "Writes a report, which takes a while."},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			registry.Progress(ctx, 1, 2, "reading the books") // the status message of the task
			return text("all is well"), nil, nil
		}, registry.Tasks(registry.TaskOptional))
	address, stop := serve(r)
	defer stop()

	begun := ask(address, "tools/call", map[string]any{"name": "report"})
	fmt.Println(begun.ResultType, begun.Status)
	task := begun
	for task.Status == "working" {
		<-time.After(time.Duration(begun.PollIntervalMs) * time.Millisecond / 100) // clients wait for all of it
		task = ask(address, "tasks/get", map[string]any{"taskId": begun.TaskID})
	}
	fmt.Println(task.Status, task.Result.Content[0].Text)
	// Output:
	// task working
	// completed all is well
}

// taskState is what a client of 2026-07-28 is told of a task.
type taskState struct {
	ResultType, TaskID, Status string
	PollIntervalMs             int
	Result                     struct{ Content []struct{ Text string } }
}

// ask sends one request of 2026-07-28, by a client that declares the tasks extension, over a connection of its own.
func ask(address, method string, params map[string]any) (state taskState) {
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion": "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": map[string]any{
			"extensions": map[string]any{"io.modelcontextprotocol/tasks": struct{}{}}},
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method,
		"params": params}); err != nil {
		log.Fatal(err)
	}
	var answer struct{ Result taskState }
	if err := json.NewDecoder(bufio.NewReader(conn)).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	return answer.Result
}
