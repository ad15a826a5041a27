// Package judges has others judge what package trace sends: OpenTelemetry's own messages, and its SDK in a handler. It
// is a module of its own, so that who imports weir does not list them.
package judges
