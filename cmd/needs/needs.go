package needs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// packages are the Debian packages of the programs that tests run.
var packages = map[string]string{
	"bash": "bash", "buildah": "buildah", "caddy": "caddy", "chromium": "chromium", "curl": "curl", "dpkg": "dpkg",
	"dpkg-deb": "dpkg", "epmd": "erlang-base", "git": "git",
	"haproxy": "haproxy", "make": "make", "nc": "netcat-openbsd", "nginx": "nginx", "npm": "npm",
	"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager",
	"promtool": "prometheus", "rabbitmq-server": "rabbitmq-server", "redis-server": "redis-server",
	"sh": "dash", "systemd-analyze": "systemd",
}

// Programs skips the test unless all these programs are installed. notRun says what of the test is not run then.
func Programs(t *testing.T, notRun string, names ...string) {
	t.Helper()
	for _, name := range names {
		if isThere(name) {
			continue
		}
		why := fmt.Sprintf("%s is not installed (Debian: %s): %s", name, packages[name], notRun)
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal(why)
		}
		if err := record(os.Getenv("WEIR_SKIPPED"), t.Name(), packages[name]); err != nil {
			t.Error(err)
		}
		t.Skip(why)
	}
}

// Slow skips a test that takes minutes, unless this is `make slow` (WEIR_SLOW), which gives each package 90 minutes.
func Slow(t *testing.T) {
	t.Helper()
	if os.Getenv("WEIR_SLOW") == "" {
		t.Skip("it takes minutes: make slow runs it (WEIR_SLOW=1)")
	}
}

// templates is what Alertmanager does not start without, wherever it was unpacked.
const templates = "/usr/share/prometheus/alertmanager/default.tmpl"

// isThere says whether a program is installed. Of nc there are several, and only OpenBSD's can end its half of a
// connection (-N).
func isThere(name string) bool {
	path, err := exec.LookPath(name)
	if name == "prometheus-alertmanager" && err == nil {
		_, err = os.Stat(templates)
	}
	if err != nil || name != "nc" {
		return err == nil
	}
	help, _ := exec.Command(path, "-h").CombinedOutput() // it exits with 1
	return bytes.Contains(help, []byte("OpenBSD"))
}

// record appends a line with the test and the package that it misses. Tests of several packages append at a time.
func record(path, test, pkg string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s\n", test, pkg)
	if failed := file.Close(); err == nil {
		err = failed
	}
	return err
}
