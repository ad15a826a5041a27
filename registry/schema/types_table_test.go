package schema

import (
	"encoding/json"
	"flag"
	"log/slog"
	"math/big"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

//lint:file-ignore SA5008 odd tags are what is tried

var typeCases = []typeCase{
	field[int](`{"type":"integer"}`, list{`0`, `-7`, `9007199254740993`, `1.0`, `5e2`}, list{`1.5`, `"1"`, `null`, `true`,
		`9223372036854775808`, `1e400`}),
	field[int8](`{"type":"integer","minimum":-128,"maximum":127}`, list{`-128`, `127`}, list{`128`, `-129`}),
	field[uint64](`{"type":"integer","minimum":0}`, list{`18446744073709551615`}, list{`-1`, `18446744073709551616`}),
	field[float64](`{"type":"number"}`, list{`0.1`, `-1e-7`, `1e22`, `123456789012345680000`, `0.10000000000000001`},
		list{`9007199254740993`, `1e400`, `"1"`, `null`}),
	field[float32](`{"type":"number"}`, list{`0.1`, `16777216`}, list{`16777217`, `1e39`}),
	field[bool](`{"type":"boolean"}`, list{`true`, `false`}, list{`0`, `null`, `"true"`}),
	field[string](`{"type":"string"}`, list{`""`, `"a\n\u00e9\ud83d\ude00<"`}, list{`1`, `null`}),
	field[word](`{"type":"string"}`, list{`"x"`}, list{`[]`}),
	field[*int](`{"type":"integer"}`, list{`1`, `null`}, list{`"1"`, `1.5`}),
	field[***int8](`{"type":"integer","minimum":-128,"maximum":127}`, list{`1`, `null`}, list{`300`}),
	field[[]string](`{"type":"array","items":{"type":"string"}}`, list{`[]`, `["a"]`, `null`}, list{`[1]`, `[null]`,
		`{}`}),
	field[[]*int](`{"type":"array","items":{"type":"integer"}}`, list{`[1,null]`}, list{`["x"]`}),
	field[[][]float64](`{"type":"array","items":{"type":"array","items":{"type":"number"}}}`, list{`[[1,2.5],null]`},
		list{`[[9007199254740993]]`}),
	field[[2]int](`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2}`, list{`[1,2]`}, list{`[1]`,
		`[1,2,3]`, `null`}),
	field[[0]int](`{"type":"array","items":{"type":"integer"},"minItems":0,"maxItems":0}`, list{`[]`}, list{`[1]`}),
	field[[]byte](`{"type":"string","contentEncoding":"base64"}`, list{`"AQID"`, `""`, `null`}, list{`"A"`, `[1]`}),
	field[[]byteLike](`{"type":"string","contentEncoding":"base64"}`, list{`"AQID"`}, list{`[1]`}),
	field[[3]byte](`{"type":"array","items":{"type":"integer","minimum":0,"maximum":255},"minItems":3,"maxItems":3}`,
		list{`[1,2,255]`}, list{`"AQID"`, `[1,2,256]`}),
	field[map[string]int64](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"a":9007199254740993}`,
		`{}`, `null`}, list{`{"a":"x"}`, `[]`}),
	field[map[int]string](`{"type":"object","propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{`+
		`"type":"string"}}`, list{`{"-1":"a"}`}, list{`{"x":"a"}`, `{"99999999999999999999":"a"}`}),
	field[map[uint8]bool](`{"type":"object","propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{`+
		`"type":"boolean"}}`, list{`{"255":true}`}, list{`{"256":true}`}),
	field[map[key]string](`{"type":"object","additionalProperties":{"type":"string"}}`, list{`{"a":"b","\u0041":"c"}`},
		list{`{"a":1}`}),
	field[map[netip.Addr]int](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"1.2.3.4":1}`},
		list{`{"x":1}`}),
	field[map[string]*int](`{"type":"object","additionalProperties":{"type":"integer"}}`, list{`{"a":1,"b":null}`}, nil),
	field[any](`{"description":"any JSON value"}`, list{`1`, `null`, `"x"`, `{"a":[1.5,true]}`, `9007199254740993`,
		`1e400`}, nil),
	field[map[string]any](`{"type":"object","additionalProperties":true}`, list{`{"a":9007199254740993,"b":[1]}`},
		list{`[]`}),
	field[[]any](`{"type":"array","items":{"description":"any JSON value"}}`, list{`[1,"a",null,{"b":1e23}]`}, list{`{}`}),
	field[json.RawMessage](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `[9007199254740993]`, `"x"`}, nil),
	field[*json.RawMessage](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `null`}, nil),
	field[json.Number](`{"type":"number"}`, list{`1.50`, `9007199254740993`, `1e400`}, list{`"x"`, `true`}),
	field[big.Int](`{"type":"integer"}`, list{`123456789012345678901234567890`, `9007199254740993.0`, `1e30`}, list{`1.5`,
		`"12"`, `1e1024`}),
	field[*big.Int](`{"type":"integer"}`, list{`-123456789012345678901234567890`, `null`}, list{`0.1`}),
	field[big.Float](`{"type":"string"}`, list{`"1.5"`}, list{`1.5`, `"x"`}),
	field[big.Rat](`{"type":"string"}`, list{`"1/3"`}, list{`1`, `"x"`}),
	field[time.Time](`{"type":"string","format":"date-time"}`, list{`"2026-01-02T03:04:05.5+01:00"`}, list{`"yesterday"`,
		`1`}),
	field[*time.Time](`{"type":"string","format":"date-time"}`, list{`"2026-01-02T03:04:05Z"`, `null`}, nil),
	field[time.Duration](`{"type":"integer"}`, list{`1000000000`}, list{`"1s"`}),
	field[slog.Level](`{"type":"string"}`, list{`"WARN"`}, list{`4`, `"x"`}),
	field[netip.Addr](`{"type":"string"}`, list{`"192.0.2.1"`, `""`}, list{`"x"`, `[1]`}),
	field[hexID](`{"type":"string"}`, list{`"01ff"`}, list{`"x"`, `[1,2]`}),
	field[whole](`{"description":"any JSON value"}`, list{`{"a":1.50}`, `"x"`}, nil),
	field[[]whole](`{"type":"array","items":{"description":"any JSON value"}}`, list{`[1,"x"]`}, nil),
	field[colour](`{"type":"string","enum":["red","blue"]}`, list{`"red"`}, list{`"green"`}),
	field[struct{}](`{"type":"object","properties":{},"additionalProperties":false}`, list{`{}`}, list{`{"a":1}`}),
	of[struct{}](`{"type":"object","properties":{},"additionalProperties":false}`, list{`{}`}, list{`{"a":1}`}),
	of[*Inner](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],`+
		`"additionalProperties":false}`, list{`{"a":1,"b":"x"}`}, list{`{"A":1,"b":"x"}`}),
	of[map[string]int](`{"type":"object","properties":{},"additionalProperties":{"type":"integer"}}`, list{`{"a":1}`},
		list{`{"a":"x"}`}),
	of[node](`{"type":"object","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"kids":{`+
		`"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"],"additionalProperties":false}},"properties":{`+
		`"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v"],`+
		`"additionalProperties":false}`,
		list{`{"v":1,"kids":[{"v":9007199254740993.0},null,{"v":2,"kids":null}]}`}, list{`{"v":1,"kids":[{"v":1,` +
			`"kids":[{"v":"x"}]}]}`, `{"v":1,"kids":[{}]}`}),
	of[args[tree]](`{"type":"object","$defs":{"tree":{"type":"object","additionalProperties":{"$ref":"#/$defs/tree"}}`+
		`},"properties":{"X":{"$ref":"#/$defs/tree"}},"required":["X"],"additionalProperties":false}`, list{`{"X":{"a":{` +
		`"b":{}},"c":null}}`}, list{`{"X":{"a":1}}`}),
	of[left](``, list{`{"R":{"L":[{"R":null}]}}`}, list{`{"R":{"L":[{}]}}`}),
	of[struct{ Inner }](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},`+
		`"required":["a","b"],"additionalProperties":false}`, list{`{"a":1,"b":"x"}`}, list{`{"Inner":{}}`}),
	of[struct{ hidden }](`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],`+
		`"additionalProperties":false}`, list{`{"a":1}`}, nil),
	of[struct{ *Inner }](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},`+
		`"additionalProperties":false}`, list{`{"a":1,"b":"x"}`, `{}`}, nil),
	of[struct {
		Inner `json:"in"`
	}](`{"type":"object","properties":{"in":{"type":"object","properties":{"a":{"type":"integer"},"b":{`+
		`"type":"string"}},"required":["a","b"],"additionalProperties":false}},"required":["in"],`+
		`"additionalProperties":false}`, list{`{"in":{"a":1,"b":"x"}}`}, list{`{"a":1,"b":"x"}`}),
	of[struct {
		Inner
		B int `json:"b"`
	}](`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"],`+
		`"additionalProperties":false}`, list{`{"a":1,"b":2}`}, list{`{"a":1,"b":"x"}`}),
	of[struct {
		twin
		other
	}](`{"type":"object","properties":{"c":{"type":"integer"}},"required":["c"],"additionalProperties":false}`,
		list{`{"c":1}`}, list{`{"D":1,"c":1}`}),
	of[struct {
		I int      `json:"i,string"`
		F float64  `json:"f,string"`
		B bool     `json:"b,omitempty,string"`
		S string   `json:"s,string"`
		P *int     `json:"p,string"`
		L []string `json:"l,string"`
	}](`{"type":"object","properties":{"i":{"type":"string"},"f":{"type":"string"},"b":{"type":"string"},"s":{`+
		`"type":"string"},"p":{"type":"string"},"l":{"type":"array","items":{"type":"string"}}},"required":["i","f","s",`+
		`"p","l"],"additionalProperties":false}`,
		list{`{"i":"12","f":"1.5","b":"true","s":"\"x\\n\"","p":null,"l":["x"]}`,
			`{"i":"\u0031","f":"1","s":"\"\"","p":"5","l":null}`},
		list{`{"i":12,"f":"1","s":"\"\"","p":"5","l":[]}`, `{"i":"1","f":"9007199254740993","s":"\"\"","p":"5","l":[]}`,
			`{"i":"x","f":"1","s":"\"\"","p":"5","l":[]}`}),
	of[struct {
		A string `json:"-,"`
		B string `json:"-"`
		C string `json:"c,omitzero"`
		d string
	}](`{"type":"object","properties":{"-":{"type":"string"},"c":{"type":"string"}},"required":["-"],`+
		`"additionalProperties":false}`, list{`{"-":"x"}`, `{"-":"x","c":"y"}`}, list{`{"-":"x","B":"y"}`,
		`{"-":"x","d":"y"}`}),
	of[struct {
		Name  string
		Lower string `json:"name"`
	}](`{"type":"object","properties":{"Name":{"type":"string"},"name":{"type":"string"}},"required":["Name","name"],`+
		`"additionalProperties":false}`, list{`{"name":"b","Name":"a"}`}, list{`{"NAME":"x","name":"y"}`}),
	of[struct {
		A string `json:"a b"`
		E string `json:"é"`
		Q string `json:"x\"y"`
		P string `json:"<&>/~%"`
	}](`{"type":"object","properties":{"a b":{"type":"string"},"é":{"type":"string"},"Q":{"type":"string"},"<&>/~%":{`+
		`"type":"string"}},"required":["a b","é","Q","<&>/~%"],"additionalProperties":false}`, list{`{"a b":"1",` +
		`"\u00e9":"2","Q":"3","<&>/~%":"4"}`}, nil),
	of[struct {
		Unit  string   `json:"unit,omitempty" enum:"c,f" jsonschema:"of the answer"`
		Count *int     `json:"count" enum:"1,2"`
		Days  []string `json:"days,omitempty" enum:"mon,tue"`
	}](`{"type":"object","properties":{"unit":{"type":"string","description":"of the answer","enum":["c","f"]},`+
		`"count":{"type":"integer","enum":[1,2]},"days":{"type":"array","items":{"type":"string","enum":["mon","tue"]}}}`+
		`,"required":["count"],"additionalProperties":false}`,
		list{`{"count":1,"unit":"c","days":["tue"]}`, `{"count":null}`}, list{`{"count":3}`, `{"count":1,"unit":"k"}`,
			`{"count":1,"days":["wed"]}`}),
}

var update = flag.Bool("update", false, "write the table of docs/TYPES.md anew")

// TestTypesPage: the table of docs/TYPES.md is what TestTypes tries.
func TestTypesPage(t *testing.T) {
	const page, begin, end = "../../docs/TYPES.md", "<!-- table -->\n", "<!-- end of the table -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the page has no marks around its table")
	}
	table := "| type | schema of an argument | taken | refused |\n|---|---|---|---|\n"
	for _, c := range typeCases {
		table += strings.ReplaceAll(c.row, "schema.", "")
	}
	want := before + begin + table + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("docs/TYPES.md is not what is tried here: run go test ./registry/schema -run TypesPage -update")
	}
}
