package audit

import (
	"path/filepath"

	"weir/codec/option"
)

// Options say where the audit log is.
type Options struct {
	// File gets a line of JSON for each request that has ended, appended; "-" is standard output. It is made if it is not
	// there, readable for its owner alone, and opened again with SIGHUP, for logrotate. Up to 1 MiB waits for the disk;
	// what does not fit is dropped and counted (weir_audit_lines_lost_total).
	File string `yaml:"file" zero:"off"`
}

// Standard is the file that is standard output.
const Standard = "-"

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	if o.File != "" && o.File != Standard && !filepath.IsAbs(o.File) {
		found.Add("file", "%s is not an absolute path: allowed is one, - (standard output), or \"\" (off)",
			option.Quote(o.File))
	}
	return found.Errors()
}
