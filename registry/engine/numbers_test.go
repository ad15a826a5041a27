package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/value"
)

// held is a value on its way through a handler.
type held[T any] struct {
	V T   `json:"v"`
	N int `json:"n,omitempty"`
}

func keep[T any](_ context.Context, _ *mcp.CallToolRequest, in held[T]) (*mcp.CallToolResult, held[T], error) {
	return nil, in, nil
}

// withDefault is a schema of held that completes what it checks.
func withDefault(of string) json.RawMessage {
	return json.RawMessage(`{"type":"object","properties":{"v":{` + of + `},"n":{"type":"integer","default":3}},` +
		`"required":["v"]}`)
}

// numberTools are typed tools that return what they are given: one with inferred schemas, one with defaults in both.
func addNumberTool[T any](r *Registry, s *mcp.Server, name, of string) {
	AddTool(r, &mcp.Tool{Name: name}, keep[T], registry.Tasks(registry.TaskOptional))
	AddTool(r, &mcp.Tool{Name: name + "-default", InputSchema: withDefault(of), OutputSchema: withDefault(of)}, keep[T],
		registry.Tasks(registry.TaskOptional))
	mcp.AddTool(s, &mcp.Tool{Name: "sdk-" + name, InputSchema: withDefault(of), OutputSchema: withDefault(of)}, keep[T])
}

var numberTypes = []string{"int", "int64", "uint64", "int8", "float64", "float32", "big", "number", "any", "message",
	"pointer", "list", "map", "nested"}

func addNumberTools(t testing.TB, r *Registry) {
	t.Helper()
	s := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	addNumberTool[int](r, s, "int", `"type":"integer"`)
	addNumberTool[int64](r, s, "int64", `"type":"integer"`)
	addNumberTool[uint64](r, s, "uint64", `"type":"integer"`)
	addNumberTool[int8](r, s, "int8", `"type":"integer"`)
	addNumberTool[float64](r, s, "float64", `"type":"number"`)
	addNumberTool[float32](r, s, "float32", `"type":"number"`)
	addNumberTool[*big.Int](r, s, "big", `"type":"integer"`)
	addNumberTool[json.Number](r, s, "number", `"type":"number"`)
	addNumberTool[any](r, s, "any", ``)
	addNumberTool[json.RawMessage](r, s, "message", ``)
	addNumberTool[*int64](r, s, "pointer", `"type":"integer"`)
	addNumberTool[[]int64](r, s, "list", `"type":"array","items":{"type":"integer"}`)
	addNumberTool[map[string]float64](r, s, "map", `"type":"object"`)
	addNumberTool[struct{ Deep []map[string]int64 }](r, s, "nested", `"type":"object"`)
	r.AddTool(&mcp.Tool{Name: "untyped", InputSchema: openSchema},
		func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{StructuredContent: req.Params.Arguments}, nil
		}, registry.Tasks(registry.TaskOptional))
	s.AddTool(&mcp.Tool{Name: "sdk-untyped", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{StructuredContent: req.Params.Arguments}, nil
		})
	adopt(t, r, s, registry.Adoption{Raw: func(name string) bool { return name == "sdk-untyped" },
		Handling: func(string) []registry.HandlerOption {
			return []registry.HandlerOption{registry.Tasks(registry.TaskOptional)}
		}})
}

// randomNumber is a JSON number of any kind: integers around every limit, fractions, exponents, many digits.
func randomNumber(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return strconv.FormatInt(r.Int64()>>r.IntN(60), 10)
	case 1:
		return strconv.FormatInt(-(1<<53)-r.Int64N(9), 10)
	case 2:
		return strconv.FormatUint(r.Uint64(), 10)
	case 3:
		return strconv.FormatInt(r.Int64()>>r.IntN(60), 10) + ".0"
	case 4:
		return strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<62)|1<<61), 'g', -1, 64)
	case 5:
		return fmt.Sprintf("%d.%de%d", r.IntN(1000), r.IntN(1_000_000), r.IntN(50)-25)
	case 6:
		return strconv.FormatUint(r.Uint64(), 10) + strconv.FormatUint(r.Uint64(), 10)
	}
	return "0." + strconv.FormatUint(r.Uint64(), 10)
}

// placed puts a number where the tool's type has one.
func placed(kind, number string) string {
	switch kind {
	case "list":
		return "[1," + number + "]"
	case "map":
		return `{"k":` + number + `}`
	case "nested":
		return `{"Deep":[{"k":` + number + `}]}`
	}
	return number
}

// numberIn is the number that placed put there.
func numberIn(v any) string {
	switch v := v.(type) {
	case json.Number:
		return string(v)
	case []any:
		return numberIn(v[len(v)-1])
	case map[string]any:
		for _, member := range v {
			return numberIn(member)
		}
	}
	return ""
}

// holds says whether the Go type that a tool of this kind decodes into holds a number as it was sent.
func holds(kind, number string) bool {
	digits, integer := value.Integer(number)
	within := func(bits int) bool {
		_, err := strconv.ParseInt(digits, 10, bits)
		return integer && err == nil
	}
	switch kind {
	case "int", "int64", "pointer", "list", "nested":
		return within(64)
	case "int8":
		return within(8)
	case "uint64":
		_, err := strconv.ParseUint(digits, 10, 64)
		return integer && err == nil
	case "float64", "map":
		return value.Fits(number, 64)
	case "float32":
		return value.Fits(number, 32)
	case "big":
		return integer
	}
	return true // number, any, message and untyped hold every one
}

// kept says whether got is the number that was sent: exactly, or as the shortest way to write the same float, which has
// fewer digits than the one that was sent.
func kept(kind, sent, got string) bool {
	one, ok := new(big.Rat).SetString(sent)
	two, ok2 := new(big.Rat).SetString(got)
	if !ok || !ok2 {
		return false
	}
	if one.Cmp(two) == 0 {
		return true
	}
	bits := map[string]int{"float32": 32, "float64": 64, "map": 64, "any": 64}[kind]
	if bits == 0 || !strings.ContainsAny(sent, ".eE") {
		return false
	}
	a, err := strconv.ParseFloat(sent, bits)
	b, err2 := strconv.ParseFloat(got, bits)
	return err == nil && err2 == nil && a == b && value.Fits(sent, bits)
}

// checkKept fails the test unless an answer has the number, or is a refusal that names the field, of a number that the
// type does not hold: or, through the SDK, that the SDK would change.
func checkKept(t *testing.T, tool, door, number, body string) {
	t.Helper()
	kind, adopted := strings.CutPrefix(strings.TrimSuffix(tool, "-default"), "sdk-")
	structured := codec.Member(codec.Member([]byte(body), "result"), "structuredContent")
	if structured != nil {
		v, err := value.Decode(string(codec.Member(structured, "v")))
		if got := numberIn(v); err != nil || !kept(kind, number, got) {
			t.Errorf("%s %s: %s became %q in %s", tool, door, number, got, body)
		}
		return
	}
	named := false
	for _, name := range []string{" v: ", " v[1]: ", " v.k: ", " v.Deep[0].k: ", "/properties/v"} {
		named = named || strings.Contains(body, name)
	}
	switch {
	case adopted && kind != "untyped" && !value.Survives(number):
		if !named {
			t.Errorf("%s %s %s: the refusal names no field: %s", tool, door, number, body)
		}
	case holds(kind, number) && !adopted:
		t.Errorf("%s %s: %s would fit, and is refused: %s", tool, door, number, body)
	case !named && !(adopted && strings.Contains(body, "cannot unmarshal")): // the SDK's words, not ours
		t.Errorf("%s %s %s: the refusal names no field: %s", tool, door, number, body)
	}
}

// TestNumbersKeepTheirDigits is F1 and A4 as a property: whatever number is sent to whatever tool, through whatever
// door, its digits come back, or the type does not hold it and its field is refused by name.
func TestNumbersKeepTheirDigits(t *testing.T) {
	r := emptyRegistry(t)
	bench, latest := newBench(r), &peer{r: r}
	addNumberTools(t, r)
	old := &peer{r: r}
	old.initialize(t, "2025-11-25")
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 26))
	numbers := []string{"9007199254740993", "9007199254740992", "-9007199254740993", "9007199254740993.0", "1.0",
		"18446744073709551615", "9223372036854775807", "9223372036854775808", "0.1", "16777217", "1e400", "1e-400", "1e22",
		"1e23", "123456789012345678901234567890", "0.1234567890123456789", "-0", "-0.0", "0e0", "1E2", "-1e-0",
		"340282346638528859811704183484516925440", "1e1023", "5e-324", "2.5e-324", "0.30000000000000004", "127.0", "128"}
	asTasks := len(numbers)
	for range 150 {
		numbers = append(numbers, randomNumber(random))
	}
	tools := []string{"untyped", "sdk-untyped"}
	for _, kind := range numberTypes {
		tools = append(tools, kind, kind+"-default")
		if kind != "float32" { // in the SDK's hands nobody sees that the field is so narrow
			tools = append(tools, "sdk-"+kind)
		}
	}
	for _, tool := range tools {
		kind := strings.TrimSuffix(strings.TrimPrefix(tool, "sdk-"), "-default")
		for i, number := range numbers {
			arguments := `"name":"` + tool + `","arguments":{"n":1.0,"v":` + placed(kind, number) + `}`
			checkKept(t, tool, "of 2025-11-25", number, old.send(legacyRequest(1, "tools/call", arguments), Header{}).body)
			checkKept(t, tool, "of 2026-07-28", number,
				latest.send(asking("tools/call", arguments, elicits), Header{}).body)
			if i >= asTasks {
				continue
			}
			id := old.begin(t, legacyRequest(2, "tools/call", arguments+`,"task":{}`))
			bench.run()
			checkKept(t, tool, "as a task", number, old.send(legacyRequest(3, "tasks/result", `"taskId":"`+id+`"`),
				Header{}).body)
			id = latest.begin(t, asking("tools/call", arguments, ownTasks))
			bench.run()
			ended := codec.Member([]byte(latest.send(taskRequest("get", id, ""), Header{}).body), "result")
			if result := codec.Member(ended, "result"); result != nil {
				ended = result
			}
			checkKept(t, tool, "as a task of 2026-07-28", number, `{"result":`+string(ended)+`}`)
		}
	}
}
