// Package top is the command top: what a server does now, on a terminal, once a second.
//
// Its one rule is that a terminal is given back as it was found, however the command ends. It shows what the admin page
// shows, from the same Look (package live).
//
// It never knows a series, nor computes a figure that the server has.
package top
