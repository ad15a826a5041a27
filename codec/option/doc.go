// Package option keeps an option in one place: the tags of its field say its key, default, range and unit. Defaults,
// checks, error texts, docs/CONFIG.md and the help of flags are made from them.
//
//	MaxWaiting int           `yaml:"max_waiting" default:"500000" min:"1" max:"1073741824" unit:"messages"`
//	QueueWait  time.Duration `yaml:"queue_wait" default:"5s" min:"0s" max:"24h" zero:"off"`
//	Level      string        `yaml:"level" default:"info" oneof:"debug,info,warn,error"`
//
// The tags are
//
//	yaml      the key in files; a field without one goes by its Go name, "-" is no option
//	default   the value when nothing is written
//	min, max  the range: of a number, of a text's length in bytes, of a list's length; of a section that is Numbers,
//	          that of its numbers
//	above     the end of the range below, itself not allowed
//	zero      what 0 or "" means; it is allowed even below min
//	oneof     the words that are allowed, separated by commas
//	unit      what is counted; "bytes" is written with KiB, MiB and so on
//	required  "true" for a key that a file must have
//	was       the key that it had before, for the message to who still writes that
//
// Its one rule: a message says the key, the value, what is wrong and what is allowed, in this order and always in the
// same words. Rules about two options are code in the package that owns them and speak alike.
//
// It never knows where text comes from (package yaml does), nor what an option is for. Tags that contradict their field
// panic: they are a mistake of this program. Everything here may be used concurrently on values that nobody changes.
package option
