package cmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"weir/cmd/doctor"
)

type doctorFlags struct {
	Connections int    `placeholder:"N" help:"How many connections are to fit (default: max_connections of the configuration)."`
	Config      string `placeholder:"FILE" help:"The server's YAML file: max_connections, backlog, peer_timeout and the byte budgets are taken from it."`
	JSON        bool   `name:"json" help:"Print the report as JSON."`
}

// Help implements kong.HelpProvider.
func (doctorFlags) Help() string {
	return `Says whether this machine can hold so many connections: what it has, what they need and why, and the commands
and the sysctl.d file that mend the difference. It opens some hundred connections to itself, to weigh what the kernel
keeps for each (as root the figure is exact), and changes nothing. docs/SYSCTL.md explains every setting.

  ${program} doctor --connections 100000

Exit codes: 0 they fit; 1 they do not, or the report could not be written; 2 a flag or the configuration is wrong.`
}

// examine is the command doctor.
func (p Program) examine(flags *doctorFlags, stdout, stderr io.Writer) int {
	if flags.Connections < 0 {
		fmt.Fprintf(stderr, "%s doctor: --connections: %d: allowed is 1 or more\n", p.Name, flags.Connections)
		return exitUsage
	}
	config, err := p.loadConfig(&serveFlags{Config: flags.Config}, thisMachine())
	if err != nil { // more connections than this machine's files are a row of the report
		anyFiles := thisMachine()
		anyFiles.files = math.MaxInt32
		config, err = p.loadConfig(&serveFlags{Config: flags.Config}, anyFiles)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s doctor: the configuration is wrong\n%v\n", p.Name, err)
		return exitUsage
	}
	weight, err := doctor.Weigh(os.DirFS("/"), int64(os.Getpagesize()))
	if err != nil {
		fmt.Fprintf(stderr, "%s doctor: the kernel's part of a connection is not measured: %v\n", p.Name, err)
	}
	report := doctor.Examine(p.host(), config.plan(cmp.Or(flags.Connections, config.Queue.MaxConnections), weight))
	if flags.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.Write(stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s doctor: %v\n", p.Name, err)
		return exitRuntime
	}
	if !report.Fits {
		return exitRuntime
	}
	return exitOK
}

// host is this machine, with the limits of the program's systemd unit.
func (p Program) host() *doctor.Host {
	return doctor.Read(os.DirFS("/"), p.Name+".service", int64(os.Getpagesize()))
}

// plan is what so many connections, under this configuration, need of a machine.
func (c *Config) plan(connections int, weight doctor.Weight) doctor.Plan {
	return doctor.Plan{Connections: connections, Backlog: c.Server.Backlog, PeerTimeout: c.Server.PeerTimeout,
		Budgets: c.largestBudgets(), Weight: weight}
}

// sayMachine logs in one line what of this machine falls short of max_connections. Nothing is measured for it.
func (s *server) sayMachine() {
	connections := s.config.Queue.MaxConnections
	report := doctor.Examine(s.config.program.host(), s.config.plan(connections, doctor.Assumed))
	musts, advices := report.Musts(), report.Advices()
	line := s.log.Info()
	text := "this machine could be better set for max_connections: the command doctor says how"
	if len(musts) > 0 {
		line = s.log.Warn().Strs("must", musts)
		text = "max_connections do not fit this machine: the command doctor says what to do"
	}
	if len(musts)+len(advices) > 0 {
		line.Strs("advice", advices).Int("max_connections", connections).Msg(text)
	}
}
