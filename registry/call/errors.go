package call

import "errors"

// Why a handler's session does nothing. Handlers are told, and each says what to do instead.
var (
	errNoCall = errors.New("this context is no call's: give it the one that the handler was given, or one derived from it")
	errCheap  = errors.New("a handler that was registered with the option Cheap must not wait: " +
		"leave the option out, or return InputRequests")
	errTask = errors.New("a task waits for nobody: return InputRequests")
	// The SDK's session says the same to those who hold the right one.
	errModern = errors.New("clients of this revision are sent no requests: return InputRequests")
	errNoPeer = errors.New("the client cannot be asked on this transport")
	errMethod = errors.New("it is not for handlers to send: a client that is gone ends the handler's context, " +
		"and changes are told by the registry")
)
