package cmd

// Exit codes of every command; --help prints this list.
const (
	exitOK      = 0
	exitRuntime = 1 // it started and failed, or a port was taken
	exitUsage   = 2 // a flag or the configuration is wrong; nothing was started
)

const exitHelp = `Exit codes: 0 stopped as asked; 1 failed while running (a port is taken, a drain was cut short by a
second signal); 2 a flag or the configuration is wrong, and nothing was started.`
