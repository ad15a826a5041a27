package probe

import (
	"strings"
	"testing"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

func examineLines(t *testing.T, o Options, answer func(line string) string) (Result, error) {
	t.Helper()
	target, err := wire.ParseTarget(t.Context(), "tcp://"+fixture.LineServer(t, "tcp", answer))
	if err != nil {
		t.Fatal(err)
	}
	return Examine(fixture.Within(t), &target, o)
}

func TestExamineReadsEveryPageOfTools(t *testing.T) {
	page := func(line, tool, next string) string {
		return wire.MessagePrefix + fixture.ID(line) + `,"result":{"tools":[{"name":"` + tool + `"}]` + next + "}}\n"
	}
	p, err := examineLines(t, Options{Tool: "want"}, func(line string) string {
		switch {
		case !strings.Contains(line, `"method":"tools/list"`):
			return fixture.Echo(line)
		case strings.Contains(line, `"cursor":"two"`):
			return page(line, "want", "")
		}
		return page(line, "first", `,"nextCursor":"two"`)
	})
	if err != nil || p.Tool != "want" || p.Tools != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = examineLines(t, Options{Tool: "want"}, func(line string) string { // a list that never ends
		if strings.Contains(line, `"method":"tools/list"`) {
			return page(line, "one", `,"nextCursor":"again"`)
		}
		return fixture.Echo(line)
	})
	if err == nil || !strings.Contains(err.Error(), `no tool "want"`) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestExamineWantsItsOwnIDBack(t *testing.T) {
	_, err := examineLines(t, Options{}, func(line string) string {
		if !strings.HasPrefix(line, wire.MessagePrefix) {
			return ""
		}
		return strings.Replace(fixture.Echo(line), fixture.ID(line), `"`+fixture.ID(line)+`"`, 1)
	})
	if err == nil || !strings.Contains(err.Error(), "it must be the same") {
		t.Error(err)
	}
}
