package pipeline

// Kind is what a connection speaks, in the words of people.
type Kind uint8

const (
	KindHTTP Kind = iota
	KindWebSocket
	KindHTTPSSE // the stream of a session of 2024-11-05
	KindTCP
	KindUnix
	KindStdio // attached: nobody accepted it
	kinds
)

var kindNames = [kinds]string{"http", "websocket", "http_sse", "tcp", "unix", "stdio"}

// String is the kind's word.
func (k Kind) String() string { return kindNames[k] }

// kindOf is what connections of a listener speak at first.
func kindOf(listener string) Kind {
	for k, name := range kindNames {
		if name == listener {
			return Kind(k)
		}
	}
	return KindStdio
}
