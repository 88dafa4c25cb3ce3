package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

type exportCmd struct {
	dataFlag
	Module  string      `arg:"" help:"What to write: locations, tariffs, sessions, cdrs or tokens."`
	Version versionFlag `help:"OCPI version to write: 2.1.1, 2.2.1 or 2.3.0." default:"2.1.1" placeholder:"VERSION"`
	Party   []partyFlag `help:"Only objects of this party of ours. Can be repeated. Default: all." placeholder:"PARTY"`
	ID      string      `help:"Only the object with this id, in whatever case; of a token, its uid." name:"id" placeholder:"ID"`
	Lines   bool        `help:"Write JSON lines instead of an array."`
	Out     string      `help:"File to write to. Default: standard output." short:"o" type:"path" placeholder:"FILE"`
}

// Help is what export --help teaches beside its flags.
func (exportCmd) Help() string {
	return `The objects come as partners of the version get them, in the order in which they were created. What the version cannot
say is told on standard error; what it can only say wrongly is left out, as it is for partners.

Examples:
  roamwire export locations --party DE/ROA -o stations.json
  roamwire export locations --id LOC1 --version 2.2.1   # what a partner on 2.2.1 gets of one, and what it does not`
}

// Run writes the objects.
func (e *exportCmd) Run(ctx context.Context, s streams) (err error) {
	if err := transfer.Check(ocpi.ModuleID(e.Module), ocpi.Version(e.Version)); err != nil {
		return err
	}
	data, err := e.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	export := transfer.Export{Objects: data.Objects, Module: ocpi.ModuleID(e.Module), Version: ocpi.Version(e.Version), ID: e.ID, Lines: e.Lines}
	export.Report = func(id string, losses []convert.Loss) {
		for _, loss := range losses {
			fmt.Fprintf(s.err, "%s %s: lost %s\n", e.Module, id, loss)
		}
		if convert.Withheld(losses) {
			fmt.Fprintf(s.err, "%s %s: not written: what is left would say something else\n", e.Module, id)
		}
	}
	for _, p := range e.Party {
		export.Parties = append(export.Parties, p.party)
	}
	out, done, err := e.output(s)
	if err != nil {
		return err
	}
	count, err := export.Run(ctx, out)
	if err = errors.Join(err, done()); err != nil {
		return fmt.Errorf("export %s: %w", e.Module, err)
	}
	if e.ID != "" && count == 0 {
		return fmt.Errorf("there is no %s in %s that %s has words for", e.ID, e.Module, e.Version)
	}
	fmt.Fprintf(s.err, "%d %s written\n", count, e.Module)
	return nil
}

func (e *exportCmd) output(s streams) (io.Writer, func() error, error) {
	if e.Out == "" {
		return s.out, func() error { return nil }, nil
	}
	f, err := os.Create(e.Out)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
