package remote

import (
	"fmt"
	"time"
)

// Kind is why a request has no answer.
type Kind uint8

const (
	Unsent  Kind = iota // nobody took the connection: it was not executed
	Lost                // the connection ended before the answer
	Busy                // 429, or 503 with Retry-After: it was not executed
	Denied              // 401 or 403
	Refused             // another status below 500, also a redirect: it was not executed
	Status              // a status from 500
	Answer              // what came is no answer
	Token               // the token file cannot be read: it was not sent
)

// Failure is why a request has no answer.
type Failure struct {
	Kind  Kind
	Text  string
	After time.Duration // of Busy: when to come again; 0: it did not say
}

func (f *Failure) Error() string { return f.Text }

func failed(kind Kind, format string, args ...any) *Failure {
	return &Failure{Kind: kind, Text: fmt.Sprintf(format, args...)}
}
