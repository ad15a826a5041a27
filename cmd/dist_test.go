package cmd

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/cmd/needs"
)

// TestSlowDist makes everything that is handed out, twice, in clones of two folders, and holds it against what is
// promised: equal bytes, static binaries of both kinds, a list of parts, and a package that comes and goes cleanly.
func TestSlowDist(t *testing.T) {
	needs.Slow(t)
	needs.Programs(t, "no distribution was made", "git", "bash", "dpkg", "dpkg-deb")
	makeDist := func(folder string) (dist, sums string) {
		clone := filepath.Join(t.TempDir(), folder)
		execute(t, "", "git", "clone", "-q", "--local", repository, clone)
		dist = filepath.Join(t.TempDir(), "dist")
		execute(t, clone, ".ci/dist/dist.sh", dist, "1.2.3")
		text, err := os.ReadFile(dist + "/SHA256SUMS")
		if err != nil {
			t.Fatal(err)
		}
		return dist, string(text)
	}
	dist, sums := makeDist("a")
	if _, again := makeDist("another/folder"); again != sums {
		t.Errorf("two builds differ:\n%s\n%s", sums, again)
	}
	execute(t, dist, "sha256sum", "--quiet", "-c", "SHA256SUMS")
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		name := dist + "/weir_1.2.3_linux_" + arch
		judgeBinary(t, name, machine)
		judgeParts(t, name+".cdx.json")
		lead, err := os.ReadFile(name + ".rpm")
		if err != nil || !bytes.HasPrefix(lead, []byte{0xed, 0xab, 0xee, 0xdb}) {
			t.Errorf("%s.rpm: %v", name, err)
		}
		if got := strings.TrimSpace(execute(t, "", "dpkg-deb", "-f", name+".deb", "Architecture")); got != arch {
			t.Errorf("%s.deb is for %s", name, got)
		}
	}
	t.Run("deb", func(t *testing.T) { installPurge(t, dist+"/weir_1.2.3_linux_amd64.deb") })
}

// execute runs a program to its end and returns what it wrote.
func execute(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = folder
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func judgeBinary(t *testing.T, name string, machine elf.Machine) {
	t.Helper()
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != machine {
		t.Errorf("%s is for %v", name, file.Machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has %v: it is not static", name, p.Type)
		}
	}
}

// judgeParts looks into a list of what a binary is made of.
func judgeParts(t *testing.T, name string) {
	t.Helper()
	var bom struct {
		BOMFormat  string `json:"bomFormat"`
		Components []struct{ Name string }
	}
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, &bom) != nil || bom.BOMFormat != "CycloneDX" {
		t.Fatalf("%s: %v, %q", name, err, bom.BOMFormat)
	}
	for _, part := range []string{"github.com/bytedance/sonic", "std"} {
		if !slices.ContainsFunc(bom.Components, func(c struct{ Name string }) bool { return c.Name == part }) {
			t.Errorf("%s does not name %s", name, part)
		}
	}
}

// installPurge has dpkg install, upgrade, remove and purge the package in a root of its own.
func installPurge(t *testing.T, deb string) {
	root := t.TempDir()
	for _, folder := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dpkg := func(args ...string) string {
		t.Helper()
		alone := []string{"--root=" + root, "--force-script-chrootless,not-root,confold"}
		return execute(t, "", "dpkg", append(alone, args...)...)
	}
	// there are the files that are not dpkg's.
	there := func() (names []string) {
		filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if name := strings.TrimPrefix(path, root); err == nil && !entry.IsDir() && !strings.HasPrefix(name, "/var/") {
				names = append(names, name)
			}
			return err
		})
		return names
	}
	want := []string{
		"/etc/weir/weir.yaml", "/usr/bin/weir", "/usr/lib/systemd/system/weir.service",
		"/usr/share/bash-completion/completions/weir", "/usr/share/doc/weir/99-weir.conf", "/usr/share/doc/weir/README.md",
		"/usr/share/doc/weir/copyright", "/usr/share/doc/weir/docs/CONFIG.md", "/usr/share/doc/weir/docs/METRICS.md",
		"/usr/share/doc/weir/docs/OPERATING.md", "/usr/share/doc/weir/docs/SYSCTL.md",
		"/usr/share/fish/vendor_completions.d/weir.fish", "/usr/share/man/man1/weir.1.gz",
		"/usr/share/zsh/vendor-completions/_weir",
	}
	dpkg("--install", deb)
	if got := there(); !slices.Equal(got, want) {
		t.Errorf("installed are\n%q, want\n%q", got, want)
	}
	if out := execute(t, "", root+"/usr/bin/weir", "version"); !strings.HasPrefix(out, "weir 1.2.3 (commit ") {
		t.Error(out)
	}
	config := root + "/etc/weir/weir.yaml"
	execute(t, "", root+"/usr/bin/weir", "serve", "--config", config, "--check-config")
	if err := os.WriteFile(config, []byte("demo: true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tokens := root + "/etc/weir/tokens"
	if err := os.WriteFile(tokens, []byte("alice\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dpkg("--install", deb)
	if text, err := os.ReadFile(config); err != nil || string(text) != "demo: true\n" {
		t.Errorf("an upgrade took the operator's configuration: %v %q", err, text)
	}
	dpkg("--remove", "weir")
	if got := there(); !slices.Equal(got, []string{"/etc/weir/tokens", "/etc/weir/weir.yaml"}) {
		t.Errorf("removed, and there are %q", got)
	}
	dpkg("--purge", "weir")
	if got := there(); !slices.Equal(got, []string{"/etc/weir/tokens"}) {
		t.Errorf("purged, and there are %q", got)
	}
	if err := os.Remove(tokens); err != nil {
		t.Fatal(err)
	}
	dpkg("--install", deb)
	dpkg("--purge", "weir")
	if _, err := os.Stat(root + "/etc/weir"); err == nil || len(there()) > 0 {
		t.Errorf("purged, and there are %q and its folder", there())
	}
}
