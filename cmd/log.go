package cmd

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

func newLogger(options LogConfig, out io.Writer) zerolog.Logger {
	level, err := zerolog.ParseLevel(options.Level)
	if err != nil {
		panic(fmt.Sprintf("log level %q passed the rules and is unknown to the logger", options.Level))
	}
	if options.Format == "console" || options.Format == "auto" && isTerminal(out) {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !isTerminal(out)}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

func isTerminal(out any) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
