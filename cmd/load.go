package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"weir/codec/option"
	"weir/loadtest"
	"weir/loadtest/probe"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

// Exit codes of weir load, which measures and may find that something is not as it should be.
const (
	exitMissed = 1 // the run went to its end, and a mark did not hold; or compare found something worse
	exitNotRun = 3 // the target could not be reached or understood, or the run ended early
)

const loadHelp = `Exit codes of ${program} load: 0 every mark held (or the scenario was skipped, and says why); 1 a
mark was missed, or compare found something worse; 2 a flag or the scenario file is wrong; 3 it could not be run to
its end: the target cannot be reached or is not understood, the server died, it was interrupted. What was measured
until then is reported all the same.`

// loadFlags are the commands of weir load; run is the one that is meant when none is named.
type loadFlags struct {
	Run     loadRunFlags     `cmd:"" default:"withargs" help:"Run a scenario against a server (the default)."`
	List    loadListFlags    `cmd:"" help:"List the built-in scenarios."`
	Compare loadCompareFlags `cmd:"" help:"Compare two reports, with a noise band."`
	Worker  loadWorkerFlags  `cmd:"" hidden:""`
}

type (
	loadListFlags   struct{}
	loadWorkerFlags struct{}
)

type loadCompareFlags struct {
	Before string `arg:"" name:"A.json" help:"The report to compare with."`
	After  string `arg:"" name:"B.json" help:"The report to judge."`
}

// Help implements kong.HelpProvider: what stands below the flags.
func (loadCompareFlags) Help() string {
	return `Compares each phase of two reports that ${program} load --json wrote. The noise band of a figure is twice the
standard error of its steps, both runs together, and at least 5%; within it nothing is said to differ.

Exit codes: 0 nothing is worse; 1 something is worse beyond the noise; 2 a file is no report.`
}

type loadRunFlags struct {
	Scenario string `arg:"" help:"A built-in scenario (${program} load list) or a YAML file (docs/LOAD.md)."`

	Target    string        `placeholder:"URL" default:"http://127.0.0.1:8080/mcp" help:"The server: http://HOST:PORT/mcp, ws://HOST:PORT/mcp, tcp://HOST:PORT or unix:PATH (default ${default})."`
	Era       string        `enum:"auto,legacy,modern" default:"auto" help:"legacy: initialize and sessions (up to 2025-11-25). modern: stateless (2026-07-28). auto: what the server answers to, legacy first."`
	Tool      string        `placeholder:"NAME" help:"The tool to call (default: echo, else the first without required arguments, else ping)."`
	Arguments string        `placeholder:"JSON" help:"Its arguments, a JSON object."`
	Header    []string      `placeholder:"'NAME: VALUE'" sep:"none" help:"A further header of each HTTP request or WebSocket upgrade, such as 'X-Tenant: 7', or first line of each TCP and Unix connection. May be repeated."`
	TokenFile string        `placeholder:"FILE" help:"A file with a bearer token and nothing else, sent as the header Authorization. Unlike --header it does not come into the report."`
	TimeScale float64       `placeholder:"X" help:"Multiply every duration of the scenario, such as 0.1; rates and connections stay. ${load_TimeScale}" min:"0" max:"1000" zero:"as they are"`
	Duration  time.Duration `placeholder:"TIME" help:"Compress or stretch the scenario to this length. ${load_Duration}" min:"0s" zero:"the scenario's"`

	Connections int     `placeholder:"N" help:"The most connections; phases change in proportion. ${load_Connections}" min:"0" max:"10000000" zero:"the scenario's" unit:"connections"`
	Rate        float64 `placeholder:"X" help:"The highest rate of one connection; phases change in proportion. ${load_Rate}" min:"0" max:"1000000" zero:"the scenario's" unit:"calls/s"`
	Window      int     `placeholder:"N" help:"What one connection may have in flight; 1 over HTTP. ${load_Window}" min:"0" max:"1048576" zero:"the scenario's" unit:"calls"`
	Closed      bool    `help:"A closed loop: each connection calls as fast as it is answered; rates are ignored."`

	Admin   string        `placeholder:"ADDR" help:"The server's admin listener (default: 127.0.0.1:9090, when it is this server's); off for none."`
	PID     int           `name:"pid" placeholder:"N" help:"The server's process (default: asked of the admin listener, or found by its port)."`
	Loops   int           `placeholder:"N" help:"Epoll loops of each worker. ${load_Loops}" min:"0" max:"64" zero:"half of the cores" unit:"loops"`
	Workers int           `placeholder:"N" help:"Worker processes. ${load_Workers}" min:"0" max:"1000" zero:"as many as the descriptor limit asks for" unit:"workers"`
	Grace   time.Duration `default:"10s" placeholder:"TIME" help:"How long calls in flight at the end are waited for. ${load_Grace}" min:"0s" max:"1h"`

	JSON  string `name:"json" placeholder:"FILE" help:"Write the report as JSON."`
	HTML  string `name:"html" placeholder:"FILE" help:"Write the report as one HTML page that opens offline."`
	Quiet bool   `short:"q" help:"No progress lines."`
}

// Help implements kong.HelpProvider: what stands below the flags.
func (loadRunFlags) Help() string {
	return `Asks the scenario's question of a server and holds the answer against the scenario's marks. Load is open:
each call has its moment in a plan made beforehand, and its latency counts from that moment, so a server that stalls
cannot hide it.

Examples:

  ${program} load list
  ${program} load baseline --time-scale 0.1
  ${program} load flood --target tcp://127.0.0.1:7777 --duration 60s --json flood.json --html flood.html
  ${program} load baseline --target http://other.example:3000/mcp --tool search --arguments '{"q": "x"}'
  ${program} load hundred-k --target tcp://127.0.0.1:7777 --connections 50000
  ${program} load compare before.json after.json

` + loadHelp
}

// load runs one of the commands below "load".
func (p Program) load(flags *loadFlags, command string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	switch {
	case strings.HasPrefix(command, "load list"):
		listScenarios(stdout)
		return exitOK
	case strings.HasPrefix(command, "load worker"):
		if err := loadtest.Work(stdin, stdout); err != nil {
			fmt.Fprintf(stderr, "%s load: %v\n", p.Name, err)
			return exitNotRun
		}
		return exitOK
	}
	if strings.HasPrefix(command, "load compare") {
		return p.compareReports(&flags.Compare, stdout, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	run, err := flags.Run.prepare(ctx, p)
	if err != nil {
		fmt.Fprintf(stderr, "%s load: nothing was run\n%v\n", p.Name, err)
		return exitUsage
	}
	run.Command = p.Name + " " + strings.Join(args, " ")
	if !flags.Run.Quiet {
		progress := loadtest.NewProgress(stderr, isTerminal(stderr))
		defer progress.End()
		run.Progress = progress.Show
	}
	result, err := run.Do(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "%s load: %v\n", p.Name, err)
		return exitNotRun
	}
	result.Print(stdout)
	if err := flags.Run.write(result); err != nil {
		fmt.Fprintf(stderr, "%s load: %v\n", p.Name, err)
		return exitNotRun
	}
	switch result.Outcome {
	case report.Held, report.Skipped:
		return exitOK
	case report.Missed:
		return exitMissed
	}
	return exitNotRun
}

// prepare judges the command line and the scenario as a whole before anything is sent.
func (f *loadRunFlags) prepare(ctx context.Context, p Program) (*loadtest.Run, error) {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, wrong := range option.Check(f) {
		wrong.Flag = flagName(wrong.Key)
		errs = append(errs, wrong)
	}
	check(f.TimeScale == 0 || f.Duration == 0, "--time-scale and --duration: give one of them")
	check(f.Arguments == "" || f.Tool != "", "--arguments: belongs to --tool")
	check(f.Arguments == "" || loadtest.IsObject(f.Arguments), "--arguments: %s is not a JSON object", f.Arguments)
	headers, err := f.headers()
	if err != nil {
		errs = append(errs, err)
	}
	for _, place := range [][2]string{{"--json", f.JSON}, {"--html", f.HTML}} {
		err := writable(place[1])
		check(err == nil, "%s: %v", place[0], err)
	}
	errs = append(errs, mayWrite("--json", f.JSON), mayWrite("--html", f.HTML))
	scenario, err := loadtest.ReadScenario(f.Scenario)
	if err != nil {
		errs = append(errs, err)
	}
	target, err := wire.ParseTarget(ctx, f.Target)
	if err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if f.Closed {
		scenario = scenario.ClosedLoop()
	}
	scenario = scenario.Sized(f.Connections, f.Rate)
	scale := 1.0
	switch {
	case f.TimeScale > 0:
		scale = f.TimeScale
	case f.Duration > 0:
		scale = f.Duration.Seconds() / scenario.Length().Seconds()
	}
	era := f.Era
	if era == "auto" {
		era = ""
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &loadtest.Run{
		Scenario: scenario.Scaled(scale), Target: target, Admin: f.Admin, PID: f.PID, Loops: f.Loops, Workers: f.Workers,
		Probe:  probe.Options{Era: era, Tool: f.Tool, Arguments: f.Arguments, Headers: headers},
		Window: f.Window, Grace: f.Grace, WorkerCommand: []string{self, "load", "worker"},
		Version: p.Version, Commit: commit(),
	}, nil
}

// headers are those of --header and --token-file, as lines of HTTP.
func (f *loadRunFlags) headers() (string, error) {
	var errs []error
	headers := ""
	for _, h := range f.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			errs = append(errs, fmt.Errorf("--header: %q is not 'NAME: VALUE'", h))
		}
		headers += name + ":" + value + "\r\n"
	}
	if f.TokenFile == "" {
		return headers, errors.Join(errs...)
	}
	token, err := readBounded(f.TokenFile, 4<<10)
	token = bytes.TrimSpace(token)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("--token-file: %w", err))
	case len(token) == 0 || bytes.ContainsAny(token, " \t\r\n"):
		errs = append(errs, fmt.Errorf("--token-file: %s does not hold one token", f.TokenFile))
	}
	return headers + "Authorization: Bearer " + string(token) + "\r\n", errors.Join(errs...)
}

// writable tries the folder of a report before the run: afterwards it would be too late to say.
func writable(file string) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; name a file in it", file)
	}
	probe, err := os.CreateTemp(filepath.Dir(file), ".weir-load-")
	if err != nil {
		return fmt.Errorf("no report can be written there: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (f *loadRunFlags) write(r *report.Report) error {
	if f.JSON != "" {
		if err := r.Write(f.JSON); err != nil {
			return err
		}
	}
	if f.HTML != "" {
		return r.WriteHTML(f.HTML)
	}
	return nil
}

// mayWrite says before an hour of load whether its report can be written to path, and leaves nothing there.
func mayWrite(flag, path string) error {
	info, err := os.Stat(path)
	if path == "" || err == nil && !info.Mode().IsRegular() && !info.IsDir() { // a pipe, whose reader would see it end
		return nil
	}
	file, opened := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if opened != nil {
		return fmt.Errorf("%s: %w", flag, opened)
	}
	if errors.Is(err, os.ErrNotExist) {
		os.Remove(path)
	}
	return file.Close()
}

func (p Program) compareReports(flags *loadCompareFlags, stdout, stderr io.Writer) int {
	before, errBefore := report.ReadReport(flags.Before)
	after, errAfter := report.ReadReport(flags.After)
	if err := errors.Join(errBefore, errAfter); err != nil {
		fmt.Fprintf(stderr, "%s load: %v\n", p.Name, err)
		return exitUsage
	}
	comparison := report.Compare(before, after)
	comparison.Print(stdout)
	if comparison.Worse() {
		return exitMissed
	}
	return exitOK
}

func listScenarios(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range loadtest.BuiltIn() {
		connections, rate := s.Peak()
		load := fmt.Sprintf("%d conn", connections)
		if rate > 0 {
			load += fmt.Sprintf(", %.0f/s", rate)
		}
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\n", s.Name, s.Length(), load, s.Question)
	}
	w.Flush()
}
