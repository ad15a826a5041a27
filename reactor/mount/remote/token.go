package remote

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// maxTokenBytes is more than any head takes.
const maxTokenBytes = 16 << 10

// tokenFile is a token that somebody else renews. It is read again when the file has changed.
type tokenFile struct {
	path string

	mu    sync.Mutex
	at    time.Time
	size  int64
	value string
}

// read returns the header's value. A file that cannot be read now leaves the token of before.
func (f *tokenFile) read() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	switch {
	case err == nil && f.value != "" && info.ModTime().Equal(f.at) && info.Size() == f.size:
		return f.value, nil
	case err == nil && info.Size() > maxTokenBytes:
		err = fmt.Errorf("token_file %s has more than %d bytes", f.path, maxTokenBytes)
	case err == nil:
		var text []byte
		if text, err = os.ReadFile(f.path); err != nil {
			break
		}
		token := strings.TrimSpace(string(text))
		if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
			err = fmt.Errorf("token_file %s holds no token: allowed is one word of visible ASCII", f.path)
			break
		}
		f.value, f.at, f.size = "Bearer "+token, info.ModTime(), info.Size()
	}
	if f.value != "" { // it is being written, or was taken away: the server judges what we have
		return f.value, nil
	}
	return "", err
}
