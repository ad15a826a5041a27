// Package check is the command that says what a configuration would serve, or all that is wrong with it.
//
// Its one rule: nothing is started, connected to or bound. What it says of a mount is what can be known without.
//
// It never knows how a configuration is read, and shows no value of a variable: it may be a secret.
package check
