package logwriter

import (
	"fmt"
	"time"
)

// StandardError is the one writer to standard error for what has no log of its own. Its notice is a JSON line, as
// zerolog writes them.
var StandardError = New(Descriptor(2), func(lines uint64) []byte {
	return fmt.Appendf(nil, `{"level":"warn","lines":%d,"time":%q,"message":%q}`+"\n",
		lines, time.Now().Format(time.RFC3339), LostMessage)
})

// LostMessage is what a notice should say.
const LostMessage = "log lines were lost: nobody read them in time, or they could not be written"
