package manual

// ShellFlags are those of the command that prints a completion.
type ShellFlags struct {
	Shell string `arg:"" name:"bash|zsh|fish" enum:"bash,zsh,fish" help:"The shell."`
}

// Help is what stands below the flags.
func (ShellFlags) Help() string {
	return `For this shell only: source <(${program} completion bash). To stay: into the folder that the shell reads, such
as /usr/share/bash-completion/completions/${program}, zsh's site-functions/_${program} or
~/.config/fish/completions/${program}.fish.`
}
