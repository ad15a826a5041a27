package manual

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// model is of a program with everything that the three forms treat apart.
func model(t *testing.T) *kong.Node {
	t.Helper()
	var cli struct {
		Run struct {
			Config string `placeholder:"FILE" help:"The file. It has everything."`
			Fast   bool   `short:"f" help:"Don't wait: go."`
			Secret bool   `hidden:"" help:"Nobody's."`
			N      int    `placeholder:"N" help:".5 is none; a \\ is one."`
		} `cmd:"" help:"Run it."`
		Load struct {
			List struct{} `cmd:"" help:"List all."`
			Do   struct {
				What string `arg:"" enum:"this,that" help:"What to do."`
			} `cmd:"" help:"Do it."`
		} `cmd:"" help:"Loads."`
		Inner struct{} `cmd:"" hidden:"" help:"Nobody's."`
	}
	parser, err := kong.New(&cli, kong.Name("my-prog"), kong.Description("Does things.\n\nMore of it:\n\n  an example"))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Node
}

func TestPage(t *testing.T) {
	var page strings.Builder
	if err := Page(&page, model(t), "1.0"); err != nil {
		t.Fatal(err)
	}
	const want = `.TH MY-PROG 1 "" "my-prog 1.0"
.SH NAME
my-prog \- Does things
.SH SYNOPSIS
.B my-prog
.I command
.RI [ flags ]
.SH DESCRIPTION
More of it:
.PP
.nf
  an example
.fi
.SH COMMANDS
Each has the flag
.BR \-\-help .
.SS my\-prog run
.PP
Run it.
.TP
.B \-\-config=FILE
The file. It has everything.
.TP
.B \-f, \-\-fast
Don't wait: go.
.TP
.B \-\-n=N
\&.5 is none; a \e is one.
.SS my\-prog load list
.PP
List all.
.SS my\-prog load do
.RI " " WHAT
.PP
Do it.
.TP
.I WHAT
What to do.
`
	if page.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &page, want)
	}
}

func TestCompletionNamesEverything(t *testing.T) {
	for _, shell := range Shells {
		var text strings.Builder
		if err := Completion(&text, model(t), shell); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"my-prog", "run", "load", "list", "config", "fast", "this", "that"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s has no %s:\n%s", shell, want, &text)
			}
		}
		for _, not := range []string{"secret", "inner"} {
			if strings.Contains(text.String(), not) {
				t.Errorf("%s has %s, which is hidden", shell, not)
			}
		}
	}
	if err := Completion(&strings.Builder{}, model(t), "tcsh"); err == nil {
		t.Error("tcsh is known")
	}
}
