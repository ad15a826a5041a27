package cmd

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"weir/cmd/needs"
)

// TestSlowImage builds the image with buildah, as `make image` does, and runs what the image says in nothing but the
// image: no library, no /proc, as a user who owns nothing. The configuration is the one file that was mounted.
func TestSlowImage(t *testing.T) {
	needs.Slow(t)
	needs.Programs(t, "the image was not built", "buildah")
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root of a program")
	}
	folder := t.TempDir()
	binary := filepath.Join(folder, "weir")
	execute(t, repository, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", binary, "./cmd/weir")
	buildah := func(args ...string) string {
		t.Helper()
		own := []string{"--root", folder + "/storage", "--runroot", folder + "/run", "--storage-driver", "vfs"}
		return strings.TrimSpace(execute(t, repository, "buildah", append(own, args...)...))
	}
	buildah("build", "-t", "weir:test", "-f", "docs/deploy/Dockerfile", folder)
	container := buildah("from", "--pull-never", "weir:test")
	root := buildah("mount", container)
	t.Cleanup(func() { buildah("umount", container) })
	if files, err := os.ReadDir(root); err != nil || len(files) != 1 || files[0].Name() != "weir" {
		t.Errorf("the image holds %v, %v", files, err)
	}
	var image struct {
		OCIv1 struct {
			Config struct {
				User, StopSignal string
				Entrypoint, Cmd  []string
			}
		}
	}
	if err := json.Unmarshal([]byte(buildah("inspect", "--type", "image", "weir:test")), &image); err != nil {
		t.Fatal(err)
	}
	says := image.OCIv1.Config
	if says.User != "65532:65532" || says.StopSignal != "SIGTERM" {
		t.Errorf("the image is run by %s and ended with %s", says.User, says.StopSignal)
	}
	if err := os.MkdirAll(root+"/etc/weir", 0o755); err != nil {
		t.Fatal(err)
	}
	rewrite(t, root+"/etc/weir/weir.yaml", "http: 127.0.0.1:0\nadmin: 127.0.0.1:0\ntcp: \"\"\n")
	if err := os.Chmod(root+"/etc/weir/weir.yaml", 0o644); err != nil {
		t.Fatal(err)
	}
	command := slices.Concat(says.Entrypoint, says.Cmd)
	program := &exec.Cmd{Path: command[0], Args: command, Env: []string{}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{
		Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
	}}
	c := runServer(t, program)
	answer := execute(t, repository, binary, "call", "--target",
		"http://"+c.addresses["http"]+"/mcp", "echo", "message=out of nothing")
	if !strings.Contains(answer, "out of nothing") {
		t.Errorf("a call is answered with %s", answer)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.exitCode(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
