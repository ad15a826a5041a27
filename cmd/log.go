package cmd

import (
	"bytes"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/reactor/logwriter"
)

// lastWords is how long the end of the process waits for the readers of its log.
const lastWords = time.Second

// journal is the log of the process. Whoever writes to it never waits for who reads it.
type journal struct {
	zerolog.Logger
	lines *logwriter.Writer
}

// setLevel has the process's log begin at a level; newJournal's is the least.
func (j *journal) setLevel(name string) {
	level, err := zerolog.ParseLevel(name)
	if err != nil {
		panic(fmt.Sprintf("log level %q passed the rules and is unknown to the logger", name))
	}
	zerolog.SetGlobalLevel(level)
}

// newJournal writes to out, the standard error of the process.
func newJournal(options LogConfig, out io.Writer) *journal {
	level, err := zerolog.ParseLevel(options.Level)
	if err != nil {
		panic(fmt.Sprintf("log level %q passed the rules and is unknown to the logger", options.Level))
	}
	terminal := isTerminal(out)
	form := func(to io.Writer) zerolog.Logger {
		if options.Format == "console" || options.Format == "auto" && terminal {
			to = zerolog.ConsoleWriter{Out: to, TimeFormat: time.TimeOnly, NoColor: !terminal}
		}
		return zerolog.New(to).With().Timestamp().Logger()
	}
	lines := logwriter.New(out, func(lost uint64) []byte {
		var line bytes.Buffer
		notice := form(&line)
		notice.Warn().Uint64("lines", lost).Msg(logwriter.LostMessage)
		return line.Bytes()
	})
	return &journal{Logger: form(lines).Level(level), lines: lines}
}

// takeStandardLog has package log, which libraries and handlers write to, write here too, unless somebody has sent it
// elsewhere. undo undoes it.
func (j *journal) takeStandardLog() (undo func()) {
	if stdlog.Writer() != os.Stderr {
		return func() {}
	}
	flags := stdlog.Flags()
	stdlog.SetFlags(0)
	stdlog.SetOutput(j.Logger)
	return func() {
		stdlog.SetFlags(flags)
		stdlog.SetOutput(os.Stderr)
	}
}

// register shows how many lines were lost.
func (j *journal) register(set *metrics.Set) {
	for reason, of := range map[string]func(logwriter.Lost) uint64{
		"buffer_full": func(l logwriter.Lost) uint64 { return l.Full },
		"write_error": func(l logwriter.Lost) uint64 { return l.Failed },
	} {
		set.NewGauge(fmt.Sprintf("weir_log_lines_lost_total{reason=%q}", reason),
			func() float64 { return float64(of(j.lines.Lost())) })
	}
}

// flush lets the last lines out, if somebody takes them.
func (j *journal) flush() { j.lines.Flush(lastWords) }

func isTerminal(out any) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
