// Package yaml reads a YAML file into a struct whose fields are options (package option): the configuration of a
// server, a scenario of a load test.
//
// Its one rule: the file is read to its end, every mistake is reported with its line and column, and a value that is
// wrong leaves its field as it was. Unknown keys are mistakes, and so are keys set twice, anchors, tags and second
// documents. What is no YAML stops at the first place, since nothing behind it can be trusted.
//
// The library's own decoder is not used: it stops at the first mistake, and forgets where a value stood, which is where
// a limit that is found broken later must be shown. The library does what is hard: tokens, indentation, quoting.
//
// It never knows what the keys are for, opens no file and holds no value against its range; option.Check does.
package yaml
