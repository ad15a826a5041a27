package imports

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/cmd/mounts"
	"weir/codec/option"
	"weir/codec/yaml"
	"weir/reactor/mount"
)

func lookup(name string) (string, bool) {
	value, is := map[string]string{"HOME": "/h", "SET": "s"}[name]
	return value, is
}

// run imports a text. Whatever it is, what comes of it is good.
func run(t *testing.T, text string) (code int, out, errs string, found map[string]*mount.Options) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = (&Flags{File: "-"}).Run("weir", lookup, strings.NewReader(text), &stdout, &stderr)
	out, errs = stdout.String(), stderr.String()
	if code != 0 {
		return code, out, errs, nil
	}
	var file struct {
		HTTP   string                    `yaml:"http"`
		TCP    string                    `yaml:"tcp"`
		Demo   bool                      `yaml:"demo"`
		Mounts map[string]*mount.Options `yaml:"mounts"`
	}
	places, mistakes := yaml.Read("out.yaml", []byte(out), &file)
	mistakes.AddNew(places.Locate(option.Check(&file).Errors()))
	found, more := mounts.Resolve(file.Mounts, lookup, places)
	mistakes.AddNew(more)
	mistakes.AddNew(mounts.Examine(found, places))
	if len(mistakes) > 0 {
		t.Fatalf("it is not good:\n%v\n%s", mistakes, out)
	}
	return code, out, errs, found
}

// TestClients: lists as clients write them.
func TestClients(t *testing.T) {
	dir := t.TempDir()
	for _, program := range []string{"npx", "docker"} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	code, out, errs, found := run(t, `// Cursor
{
  "mcpServers": {
    "files": {"command": "npx", "args": ["-y", "fs", "${HOME}/x", "${userHome}${/}y", "//no comment", "a,]",],
              "cwd": "/"},
    "Git Hub": {
      "command": "docker", /* a
      comment */
      "args": ["run", 8, true],
      "env": {"GITHUB_TOKEN": "ghp_s3cret", "A": "${env:SET}", "B": "${NONE}",
              "C": "${NONE:-d}", "D": "a $${x} ${a b} ${",
              "E": null,
              "F": "tab\t\"quote\" \u0001 \u2028 \u007f ünï 😀 # : '"},
      "autoApprove": ["x"], "timeout": 60,
      "excludeTools": ["delete_*"],
    },
    "git-hub": {"command": "npx"}, "Git_Hub": {"command": "npx"}, "git hub": {"command": "npx"},
    "1": {"command": "npx"}, "null": {"command": "npx"}, "": {"command": "npx"}, "1e5": {"command": "npx"},
    "off": {"command": "npx", "disabled": true},
    "gone": {"command": "no-such-program"},
    "old": {"type": "sse", "url": "http://x/sse"},
    "old2": {"url": "http://x/sse"},
    "editor": {"command": "npx", "args": ["${workspaceFolder}/x"]},
    "neither": {}, "none": 3,
    "asks": {"command": "npx", "env": {"KEY": "${input:api-key}"}},
  },
}
`)
	if code != 0 {
		t.Fatal(code, errs)
	}
	want := map[string][]string{"files": {"-y", "fs", "/h/x", "/h/y", "//no comment", "a,]"},
		"Git-Hub": {"run", "8", "true"},
		"git-hub": nil, "Git_Hub": nil, "git-hub-2": nil, "1": nil, "null": nil, "mount-": nil, "1e5": nil, "asks": nil}
	for name, args := range want {
		if found[name] == nil || !reflect.DeepEqual(found[name].Args, args) {
			t.Errorf("%s is %+v", name, found[name])
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d mounts in\n%s", len(found), out)
	}
	env := map[string]string{"GITHUB_TOKEN": "ghp_s3cret", "A": "s", "B": "", "C": "d", "D": "a $${x} ${a b} ${",
		"F": "tab\t\"quote\" \u0001 \u2028 \u007f ünï 😀 # : '"}
	if got := found["Git-Hub"]; got != nil && (!reflect.DeepEqual(got.Env, env) || len(got.Tools.Deny) != 1) {
		t.Errorf("%q", got.Env)
	}
	for _, want := range []string{"off: left out: the client has it disabled\n", "old: left out: it speaks HTTP+SSE",
		`gone: left out: command: "no-such-program" is not found`, "old2: left out: it speaks HTTP+SSE",
		"editor: left out: args[0]: ${workspaceFolder} is the editor's", "neither: left out: it has neither",
		"none: left out: what stands under its name is no object\n", "it is the variable API_KEY of the environment\n",
		"KEY: the variable API_KEY is not set here, and is empty until it is\n", "Git-Hub: the client calls it \"Git Hub\"",
		"Git-Hub: not taken over: autoApprove, timeout", "Git-Hub: env.GITHUB_TOKEN looks like a secret",
		"env.E: nothing stands for it", "10 of 17 servers are mounts now\n"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not in\n%s", want, errs)
		}
	}
	if strings.Contains(errs, "s3cret") {
		t.Errorf("a secret is in\n%s", errs)
	}
	for _, want := range []string{"  # Left out: the client has it disabled\n#   \"off\":\n#     command: \"npx\"\n",
		`KEY": "${API_KEY:-}"`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// TestPlaces: where the list stands, and what is none.
func TestPlaces(t *testing.T) {
	f := func(text string, mounts int, want string) {
		t.Helper()
		code, _, errs, found := run(t, text)
		if (code == 0) != (mounts >= 0) || code == 0 && len(found) != mounts || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %d mounts, %s", text, code, len(found), errs)
		}
	}
	f(`{"servers": {"a": {"type": "stdio", "command": "sh"}}, "inputs": [{"id": "x"}]}`, 1, "1 of 1")
	f("\ufeff"+`{"mcp": {"servers": {"a": {"command": "sh"}}}}`, 1, "1 of 1")
	f(`{"servers": {"a": {"command": "sh"}}, "mcpServers": {"a": {"command": "sh"}}}`, 2, `a-2: the client calls it "a"`)
	f(`{"a": {"command": "sh"}}`, 1, "1 of 1")
	f(`{"mcpServers": {}}`, 0, "0 of 0")
	f(`{}`, -1, `-: it lists no servers: allowed is an object "mcpServers" or "servers"`)
	f(`{"a": {"b": 1}}`, -1, "it lists no servers")
	f(`[]`, -1, "it lists no servers")
	f(``, -1, "-:1:1: the file ends")
	f("{\n\"a\": {\n", -1, "-:3:1: the file ends")
	f("{\n \"a\": x}", -1, "-:2:7: invalid character 'x'")
	f("{\n /* x", -1, "-:2:2: a comment is not closed")
	f(`{} {}`, -1, "-:1:4: invalid character '{' after top-level value")
	f(strings.Repeat("[", 200)+strings.Repeat("]", 200), -1, "nested more than 100 deep")
	// The two would offer one name.
	f(`{"mcpServers": {"a": {"command": "sh", "tools": ["b_c"]}, "a_b": {"command": "sh", "tools": ["c"]}}}`, 1,
		`a_b: left out: tools.allow[0]: mount a offers "a_b_c" already`)
	if code := (&Flags{File: "/nope"}).Run("weir", lookup, nil, &strings.Builder{}, &strings.Builder{}); code != 2 {
		t.Error(code)
	}
}

// TestHTTP: a url is a mount, with variables in it and in its headers.
func TestHTTP(t *testing.T) {
	_, out, errs, found := run(t, `{"mcpServers": {"web": {"type": "http", "url": "http://127.0.0.1:1/${SET}",
		"headers": {"Authorization": "Bearer ${SET}", "X-Api-Key": "s3cret"}}}}`)
	if !strings.Contains(out, `url: "http://127.0.0.1:1/${SET}"`) || !strings.Contains(out, `"Authorization": "Bearer ${SET}"`) ||
		!strings.Contains(errs, "headers.X-Api-Key looks like a secret") || strings.Contains(errs, "s3cret") {
		t.Errorf("%s\n%s", errs, out)
	}
	if web := found["web"]; web == nil || web.URL != "http://127.0.0.1:1/s" || web.Headers["Authorization"] != "Bearer s" {
		t.Errorf("%+v", web)
	}
}

// FuzzImport: no text makes it panic, or write what is not good.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{`{"servers": {"a": {"command": "sh", "args": ["${x", "$${y}", "${input:}"], "env": {"": "\u0000"}}}}`,
		`{/**/"a": {"command": "${A:-sh}", "cwd": "${B}", "tools": ["*", "x"],},} // x`,
		`{"mcpServers": {"\u0000": {"url": "http://x", "headers": {"a": "b"}}, "b": {"command": "x", "type": "ws"}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { run(t, text) })
}
