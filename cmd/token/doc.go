// Package token is the command that makes a token.
//
// Its one rule: the token itself is shown once and kept nowhere.
//
// It never knows a server.
package token
