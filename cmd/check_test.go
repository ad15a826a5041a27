package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runCheck writes a file and checks it.
func runCheck(t *testing.T, text string) (code int, out, errs string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	code = run([]string{"check", file}, &stdout, &stderr)
	folder := filepath.Dir(file) + "/"
	return code, strings.ReplaceAll(stdout.String(), folder, ""), strings.ReplaceAll(stderr.String(), folder, "")
}

// TestCheckGood: what would be served, without a value of a variable or a secret.
func TestCheckGood(t *testing.T) {
	t.Setenv("WEIR_TEST_SECRET", "s3cret")
	key := strings.Repeat("ab", 32)
	shell, err := filepath.EvalSymlinks("/bin")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", shell)
	code, out, errs := runCheck(t, `http: 127.0.0.1:9000
tcp: ""
preset: 10k
log: {level: debug}
mcp: {state_key: `+key+`}
mounts:
  files:
    command: sh
    args: ["${WEIR_TEST_SECRET}", two]
    env: {TOKEN: "t0ken"}
    tools: {allow: [read, "delete_*"], deny: [delete_*, write]}
  db: {tcp: "127.0.0.1:9", prefix: "", tools: {allow: [a, b], deny: [c]}}
`)
	if code != exitOK || errs != "" {
		t.Fatal(code, errs)
	}
	for _, want := range []string{"c.yaml is good", "  http     127.0.0.1:9000\n", "  tcp      off\n",
		"  admin    127.0.0.1:9090\n",
		"debug          instead of info\n", "(not shown)", "by the preset or for this machine\n",
		"    command    sh ${WEIR_TEST_SECRET} two\n", "    found      " + shell + "/sh\n", "env        TOKEN (values",
		"    tools      read, delete_*, but not delete_*, write, as files_*\n",
		"    hidden     \"delete_*\" is allowed, and denied again\n",
		"    tools      a, b, but not c, as *\n", "    idle       \"c\" denies nothing that is allowed\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, secret := range []string{"s3cret", "t0ken", key, "demonstration"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q is in\n%s", secret, out)
		}
	}
	if code, out, errs := runCheck(t, ""); code != exitOK || strings.Contains(out, "mounts") ||
		!strings.Contains(out, "demonstration tools") || !strings.Contains(out, "search\n  auto: where more than 64 ") {
		t.Errorf("nothing: %d %s%s", code, out, errs)
	}
}

// TestCheckSearch: whether tools are searched is said of what is known of them.
func TestCheckSearch(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if code, out, errs := runCheck(t, text); code != exitOK || !strings.Contains(out, "\nsearch\n  "+want+"\n") {
			t.Errorf("%s\nis said %d %s%s", text, code, out, errs)
		}
	}
	mount := func(allow string) string { return `mounts: {m: {tcp: "127.0.0.1:9", tools: {allow: [` + allow + `]}}}` }
	f(mount("a, b"), "off, by auto: 2 tools are offered, and up to 64 are listed")
	f(mount("a, b*"), "auto: where more than 64 tools are offered, find_tools and call_tool are listed instead")
	f("mcp: {search: {above: 1, always: [m_a, x*]}}\n"+mount("a, b"),
		"on, by auto: more than 1 tools are offered, so find_tools and call_tool are listed instead, and m_a, x*")
	f("mcp: {search: {mode: on}}", "on: find_tools and call_tool are listed instead of tools")
	f("mcp: {search: {mode: off}}", "off: every tool is listed")
}

// TestCheckBad: all that is wrong, at once.
func TestCheckBad(t *testing.T) {
	code, out, errs := runCheck(t, `htp: 127.0.0.1:9000
mounts:
  files:
    command: catt
    comand: sh
    args: ["${WEIR_TEST_NONE}/x", "${input:key}"]
    cwd: /nope
    tools: {allow: [`+strings.Repeat("abcdefghij", 6)+`]}
  two: {command: sh, prefix: x_, tools: {allow: [x]}}
  other: {command: sh, prefix: x_, tools: {allow: [x]}}
  a b: {command: "${WEIR_TEST_NONE}"}
`)
	want := []string{
		`c.yaml:1:1: unknown key "htp"; did you mean "http"?`,
		`c.yaml:4:14: mounts.files.command: "catt" is not found (executable file not found in $PATH): allowed is a program ` +
			`that is installed here, by a name in PATH or its whole path`,
		`c.yaml:5:5: unknown key "mounts.files.comand"; did you mean "mounts.files.command"?`,
		`c.yaml:6:12: mounts.files.args[0]: the variable WEIR_TEST_NONE is not set in the environment of this process: ` +
			`allowed is to set it, or a default, ${WEIR_TEST_NONE:-default}`,
		`c.yaml:6:35: mounts.files.args[1]: ${input:key} is what an editor asks its user for, and nobody is asked here: ` +
			`allowed is ${VAR}, a variable of the environment that this process is started in`,
		`c.yaml:7:10: mounts.files.cwd: "/nope" is no folder here: allowed is one that is there`,
		`c.yaml:8:21: mounts.files.tools.allow[0]: "files_abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd..." has ` +
			`66 bytes: allowed are 64, since models take no longer names, so set a shorter prefix`,
		`c.yaml:9:50: mounts.two.tools.allow[0]: mount other offers "x_x" already: allowed is each name once, so give one ` +
			`of them another prefix`,
		`c.yaml:11:3: mounts.a b: "a b" is not a name for a mount: allowed are 1 to 32 of A-Z, a-z, 0-9, _ and -, the first ` +
			`of them a letter or digit`,
		`c.yaml:11:18: mounts.a b.command: the variable WEIR_TEST_NONE is not set in the environment of this process: ` +
			`allowed is to set it, or a default, ${WEIR_TEST_NONE:-default}`,
		`weir: c.yaml has 10 mistakes`,
	}
	if got := strings.Split(strings.TrimSpace(errs), "\n"); code != exitUsage || out != "" ||
		strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exit %d, %s got:\n%s\nwant:\n%s", code, out, errs, strings.Join(want, "\n"))
	}
	if code, _, errs := runCheck(t, "a: ["); code != exitUsage || !strings.HasPrefix(errs, "c.yaml:1:4: ") {
		t.Error(code, errs)
	}
	var stdout, stderr strings.Builder
	if code := run([]string{"check", "/nope/c.yaml"}, &stdout, &stderr); code != exitUsage ||
		!strings.HasPrefix(stderr.String(), "open /nope/c.yaml: no such file") {
		t.Error(code, &stderr)
	}
}

// TestImportIsGood: what weir import writes, weir check takes.
func TestImportIsGood(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mcp.json")
	if err := os.WriteFile(file, []byte(`{"mcpServers": {"a": {"command": "sh", "env": {"X": "${WEIR_TEST_NONE}"}},
		"b": {"command": "no-such-program"}, "c": {"url": "http://127.0.0.1:1/mcp", "headers": {"X-Key": "s3cret"}},}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if code := run([]string{"import", file}, &out, &errs); code != exitOK || !strings.Contains(errs.String(), "b: left out") {
		t.Fatal(code, &errs)
	}
	if code, found, mistakes := runCheck(t, out.String()); code != exitOK ||
		!strings.Contains(found, "  a\n    command ") || strings.Contains(found, "s3cret") ||
		!strings.Contains(found, "  c\n    url        http://127.0.0.1:1/mcp\n    headers    X-Key (values are not shown)\n") {
		t.Errorf("exit %d: %s\n%s\n%s", code, mistakes, found, &out)
	}
}
