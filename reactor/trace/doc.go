// Package trace tells a collector of OpenTelemetry what became of requests: which are traced, and how their spans get
// there (OTLP over HTTP, in binary protobuf). The names are those of OpenTelemetry's conventions for MCP.
//
// Its one rule: who ends a span never waits. What the collector does not take in time is dropped and counted.
//
// It never knows how a request was served: a call.Span says all that is told.
package trace
