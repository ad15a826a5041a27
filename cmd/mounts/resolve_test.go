package mounts

import (
	"reflect"
	"strings"
	"testing"

	"weir/codec/option"
	"weir/codec/yaml"
	"weir/reactor/mount"
)

type file struct {
	Mounts map[string]*mount.Options `yaml:"mounts"`
}

func resolve(text string) (map[string]*mount.Options, string) {
	var f file
	places, mistakes := yaml.Read("m.yaml", []byte(text), &f)
	if places == nil {
		return nil, mistakes.Error()
	}
	mistakes.AddNew(places.Locate(option.Check(&f).Errors()))
	resolved, more := Resolve(f.Mounts, func(name string) (string, bool) {
		value, ok := map[string]string{"HOME": "/h", "EMPTY": "", "SECRET": "s3cret"}[name]
		return value, ok
	}, places)
	mistakes.AddNew(more)
	return resolved, mistakes.Error()
}

func TestResolve(t *testing.T) {
	got, mistakes := resolve(`
mounts:
  files:
    command: ${HOME}/bin/files
    args: ["${HOME}", "${NONE:-x y}", "$${HOME}", "${EMPTY:-e}", "a$b", "${EMPTY}."]
    env: {TOKEN: "${SECRET}", PATH: "/bin:${HOME}"}
  db: {unix: "${HOME}/s", prefix: ""}
`)
	if mistakes != "" {
		t.Fatal(mistakes)
	}
	files, db := got["files"], got["db"]
	if files.Command != "/h/bin/files" || db.Unix != "/h/s" || db.Prefix != "" || files.Prefix != "NAME_" ||
		files.At != "m.yaml:3:3" {
		t.Errorf("%+v %+v", files, db)
	}
	if want := []string{"/h", "x y", "${HOME}", "e", "a$b", "."}; !reflect.DeepEqual(files.Args, want) {
		t.Errorf("%q", files.Args)
	}
	if want := map[string]string{"TOKEN": "s3cret", "PATH": "/bin:/h"}; !reflect.DeepEqual(files.Env, want) {
		t.Errorf("%q", files.Env)
	}
}

func TestMistakes(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if _, got := resolve("mounts:\n" + text); got != strings.Join(want, "\n") {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", text, got, strings.Join(want, "\n"))
		}
	}
	f("  a: {command: x, args: [ok, \"${GONE}\"]}",
		"m.yaml:2:30: mounts.a.args[1]: the variable GONE is not set in the environment of this process: allowed is to set it, "+
			"or a default, ${GONE:-default}")
	f("  a: {command: x, env: {KEY: \"${input:api-key}\"}}",
		"m.yaml:2:30: mounts.a.env.KEY: ${input:api-key} is what an editor asks its user for, and nobody is asked here: "+
			"allowed is ${VAR}, a variable of the environment that this process is started in")
	f("  a: {command: \"x${\"}",
		`m.yaml:2:16: mounts.a.command: a "${" is not closed: allowed is ${VAR} or ${VAR:-default}, and $${ for ${ itself`)
	f("  a: {command: \"${a b}\"}", "m.yaml:2:16: mounts.a.command: ${a b} names no variable: allowed is ${VAR} or "+
		"${VAR:-default}, and $${ for ${ itself")
	f("  a b: {command: x}", `m.yaml:2:3: mounts.a b: "a b" is not a name for a mount: allowed are 1 to 32 of A-Z, a-z, 0-9, `+
		`_ and -, the first of them a letter or digit`)
	f("  a: {command: x}\n  a: {command: y}", "m.yaml:3:3: mounts.a: set twice: allowed is once, and the first is in line 2")
	f("  a: {comand: x}", "m.yaml:2:3: mounts.a: 0 of command, url, unix and tcp are set: allowed is one of them, which says what is mounted",
		`m.yaml:2:7: unknown key "mounts.a.comand"; did you mean "mounts.a.command"?`)
	f("  a: {command: x, env: {PORT: 80}}", "m.yaml:2:31: mounts.a.env.PORT: 80 is not text: allowed is text in quotes")
	f("  a: {command: x, env: [a]}", "m.yaml:2:24: mounts.a.env: a list is not a section: allowed is a section of names, each "+
		"with text in quotes of at most 1000 entries")
	f("  a: x", `m.yaml:2:6: mounts.a: "x" is not a section: allowed is a section of keys`)
	f("  a: {tcp: x, max_in_flight: 0}",
		"m.yaml:2:30: mounts.a.max_in_flight: 0 is below 1: allowed is 1 to 500000 calls")
}
