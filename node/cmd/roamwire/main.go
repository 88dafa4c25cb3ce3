// Command roamwire is the node: it speaks OCPI as CPO and eMSP, keeps everything on disk, and has the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // prices need time zones, also where the machine has none

	"github.com/alecthomas/kong"
)

func main() {
	keepPrivate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is every command with its flags. Each command is in the file of its name.
type cli struct {
	Config configFile `help:"YAML file with settings, named as the flags are. Flags and ROAMWIRE_ variables win over it." type:"path" placeholder:"FILE"`

	Serve    serveCmd    `cmd:"" help:"Run the node."`
	Demo     demoCmd     `cmd:"" help:"Run three nodes of different versions with sample data that register with each other, and show what to try."`
	Partner  partnerCmd  `cmd:"" help:"Register partners, and see where we stand with them."`
	Status   statusCmd   `cmd:"" help:"Show what waits for partners, what was sent, and what was pulled."`
	Pull     pullCmd     `cmd:"" help:"Fetch a partner's objects now."`
	Push     pushCmd     `cmd:"" help:"See what partners do not take, and try it again."`
	Key      keyCmd      `cmd:"" help:"Access keys for the backend API, and the key that encrypts the tokens we call partners with."`
	Log      logCmd      `cmd:"" help:"Show messages between us and our partners."`
	Import   importCmd   `cmd:"" help:"Fill the node from files."`
	Export   exportCmd   `cmd:"" help:"Write what the node has to a file."`
	Validate validateCmd `cmd:"" help:"Check objects in files against OCPI."`
	Price    priceCmd    `cmd:"" help:"Say what a CDR costs under its tariff, and whether it is right."`
	CDRs     cdrsCmd     `cmd:"" name:"cdrs" help:"See whether partners' CDRs agree with their tariffs, and what they add up to."`
	Convert  convertCmd  `cmd:"" help:"Translate objects between versions of OCPI."`
	Version  versionCmd  `cmd:"" help:"Say which version of the program this is."`
}

const description = `OCPI for any backend: one program that speaks OCPI as charge point operator (CPO) and as e-mobility service
provider (eMSP), and keeps everything on disk.

Start with "roamwire demo". Every flag can also be set by a variable, such as ROAMWIRE_LISTEN for --listen, and in a
YAML file given with --config.`

// withDefault is the help of a flag with its default, which a placeholder hides.
func withDefault(value *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(value)
	if !value.HasDefault || value.Default == "" {
		return help
	}
	text, env, found := strings.Cut(help, " ($")
	if found {
		env = " ($" + env
	}
	return strings.TrimSuffix(text, ".") + ". Default: " + value.Default + env
}

// exitError ends the program with a code. Its error, if any, is told first.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// The exit codes of commands that look at objects.
const (
	exitFindings   = 1
	exitUnreadable = 2
)

// run is main without the process around it.
func run(ctx context.Context, args []string, io streams) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("roamwire"),
		kong.Description(description),
		kong.DefaultEnvars("ROAMWIRE"),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(withDefault),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(io),
	)
	if err != nil {
		fmt.Fprintln(io.err, "roamwire:", err)
		return exitUnreadable
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help has been shown
		return exited
	}
	if err != nil {
		parser.FatalIfErrorf(err)
		return exitUnreadable
	}
	return exitCode(io, command.Run())
}

func exitCode(io streams, err error) int {
	var e exitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &e):
		fmt.Fprintln(io.err, "roamwire:", err)
		return 1
	case e.err != nil:
		fmt.Fprintln(io.err, "roamwire:", e.err)
	}
	return e.code
}
