package cmd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, which a test tells what to do over a pipe (the DevTools protocol).
type browser struct {
	t       *testing.T
	to      io.Writer
	from    chan browserSays
	id      int
	session string
	errors  []string // what the page threw or logged as an error
}

type browserSays struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	command := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(home, "profile"), "about:blank")
	command.Env = append(os.Environ(), "HOME="+home)
	command.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, to: ourOut, from: make(chan browserSays, 1000)}
	go func() {
		defer close(b.from)
		text, chunk := []byte{}, make([]byte, 1<<16)
		for {
			n, err := ourIn.Read(chunk)
			text = append(text, chunk[:n]...)
			for end := bytes.IndexByte(text, 0); end >= 0; end = bytes.IndexByte(text, 0) {
				var says browserSays
				if json.Unmarshal(text[:end], &says) == nil {
					b.from <- says
				}
				text = text[end+1:]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
		ourOut.Close()
		for range b.from {
		}
		ourIn.Close()
		if t.Failed() {
			t.Logf("chromium said:\n%s", &log)
		}
	})
	var target struct{ TargetID, SessionID string }
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	b.session = target.SessionID
	b.do("Runtime.enable", nil, nil)
	b.do("Log.enable", nil, nil)
	return b
}

// do has the browser do something, and waits for its answer.
func (b *browser) do(method string, parameters map[string]any, result any) {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method, "params": parameters}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatal(method, err)
	}
	for patience := time.After(time.Minute); ; {
		select {
		case says, open := <-b.from:
			switch {
			case !open:
				b.t.Fatalf("%s: chromium has ended", method)
			case says.Method == "Runtime.exceptionThrown" || says.Method == "Log.entryAdded":
				b.errors = append(b.errors, string(says.Params))
			case says.ID != b.id:
			case says.Error != nil:
				b.t.Fatal(method, says.Error.Message)
			default:
				if result != nil {
					if err := json.Unmarshal(says.Result, result); err != nil {
						b.t.Fatal(method, err)
					}
				}
				return
			}
		case <-patience:
			b.t.Fatalf("%s: chromium does not answer", method)
		}
	}
}

// eval is the value of an expression, as text.
func (b *browser) eval(format string, args ...any) string {
	b.t.Helper()
	var got struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	b.do("Runtime.evaluate", map[string]any{"expression": fmt.Sprintf(format, args...), "returnByValue": true,
		"awaitPromise": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", format, got.ExceptionDetails.Exception.Description)
	}
	if got.Result.Value == nil {
		return ""
	}
	return fmt.Sprint(got.Result.Value)
}

// text is what stands in the element of an id.
func (b *browser) text(id string) string {
	b.t.Helper()
	return b.eval("document.getElementById(%q)?.innerText", id)
}

// eventually waits until the element of an id holds all these parts, and is seen.
func (b *browser) eventually(id string, parts ...string) {
	b.t.Helper()
	got, missing := "", ""
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		got, missing = b.text(id), ""
		if b.eval("document.getElementById(%q)?.checkVisibility()", id) != "true" {
			missing = "(not seen)"
		}
		for _, part := range parts {
			if !strings.Contains(got, part) {
				missing = part
			}
		}
		if missing == "" {
			return
		}
	}
	b.t.Fatalf("%s: no %q in\n%s", id, missing, got)
}

// open opens a page on a screen of some size, light or dark.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do("Page.navigate", map[string]any{"url": url}, nil)
}

func (b *browser) screen(width, height int, scheme string) {
	b.t.Helper()
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height,
		"deviceScaleFactor": 1, "mobile": width < 700}, nil)
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// picture takes a picture of a part of the page, and returns it in a format: png or webp.
func (b *browser) picture(format string, width, height int) []byte {
	b.t.Helper()
	var shot struct{ Data string }
	clip := map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
	b.do("Page.captureScreenshot", map[string]any{"format": format, "quality": 85, "captureBeyondViewport": true,
		"clip": clip}, &shot)
	image, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return image
}
