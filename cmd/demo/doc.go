// Package demo is four tools to try a server and to measure it with.
//
// Its one rule: they are written as an author of tools writes his, against package registry and the SDK's types alone.
// It never knows the server that offers them.
package demo
