package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
)

type importCmd struct {
	dataFlag
	Module  string      `arg:"" help:"What the files hold: locations, tariffs, sessions, cdrs or tokens."`
	Files   []string    `arg:"" name:"file" help:"JSON array, OCPI envelope or JSON lines; - for standard input."`
	Party   partyFlag   `help:"The party of ours that owns the objects, such as DE/ROA." required:"" placeholder:"PARTY"`
	Version versionFlag `help:"OCPI version of the files: 2.1.1, 2.2.1 or 2.3.0." default:"2.1.1" placeholder:"VERSION"`
	EMSP    partyFlag   `help:"For sessions and cdrs: the partner's party they are meant for. Other partners do not see them. Default: what the objects say; 2.1.1 objects do not, and every eMSP partner sees them." name:"emsp" placeholder:"PARTY"`
	Strict  bool        `help:"Refuse objects with any finding, not only those that cannot be used."`
}

// Help is what import --help teaches beside its flags.
func (importCmd) Help() string {
	return `Objects that are there already are replaced. An object that cannot be used is reported and does not stop the rest.

Exit code: 0 when everything was stored, 1 when some objects were refused, 2 when a file could not be read.

Example:
  roamwire import locations stations.json --party DE/ROA`
}

// Run imports the files.
func (i *importCmd) Run(ctx context.Context, io streams) error {
	if err := i.check(); err != nil {
		return exitError{exitUnreadable, err}
	}
	data, err := i.open(ctx)
	if err != nil {
		return err
	}
	if module := strings.ToLower(i.Module); i.EMSP.party == (ocpi.Party{}) && ocpi.Version(i.Version) == ocpi.V211 && (module == "sessions" || module == "cdrs") {
		fmt.Fprintf(io.err, "note: 2.1.1 does not say which eMSP %s are for, so every eMSP partner will see them; use --emsp to say it\n", module)
	}
	err = i.files(ctx, io, transfer.Import{
		Objects: data.Objects, Module: ocpi.ModuleID(i.Module), Version: ocpi.Version(i.Version),
		Party: i.Party.party, EMSP: i.EMSP.party, Strict: i.Strict,
	})
	return errors.Join(err, data.Close())
}

// check finds what is wrong before anything is stored.
func (i *importCmd) check() error {
	if err := transfer.Check(ocpi.ModuleID(i.Module), ocpi.Version(i.Version)); err != nil {
		return err
	}
	for _, file := range i.Files {
		if file == "-" {
			continue
		}
		if info, err := os.Stat(file); err != nil {
			return err
		} else if info.IsDir() {
			return fmt.Errorf("%s is a folder", file)
		}
	}
	return nil
}

func (i *importCmd) files(ctx context.Context, io streams, imp transfer.Import) error {
	var total transfer.Summary
	for _, file := range i.Files {
		sum, err := i.file(ctx, io, imp, file)
		total.Created += sum.Created
		total.Replaced += sum.Replaced
		total.Refused += sum.Refused
		total.WithFindings += sum.WithFindings
		if err != nil {
			fmt.Fprintln(io.err, i.counts(total))
			return exitError{exitUnreadable, fmt.Errorf("import %s: %w", file, err)}
		}
	}
	fmt.Fprintln(io.out, i.counts(total))
	if total.Refused > 0 {
		return exitError{code: exitFindings}
	}
	return nil
}

func (i *importCmd) counts(sum transfer.Summary) string {
	return fmt.Sprintf("%s: %d created, %d replaced, %d refused; %d stored with findings", i.Module, sum.Created, sum.Replaced, sum.Refused, sum.WithFindings)
}

func (i *importCmd) file(ctx context.Context, io streams, imp transfer.Import, path string) (transfer.Summary, error) {
	in, size, err := openInput(io, path)
	if err != nil {
		return transfer.Summary{}, err
	}
	defer in.Close()
	progress := newProgress(io.err, path, size)
	imp.Report = func(o transfer.Outcome) {
		progress.clear()
		for _, line := range outcomeLines(path, o) {
			fmt.Fprintln(io.err, line)
		}
	}
	sum, err := imp.Run(ctx, progress.reader(in))
	progress.finish()
	return sum, err
}

// outcomeLines tells what was found about one object: a line for each finding.
func outcomeLines(path string, o transfer.Outcome) []string {
	name := fmt.Sprintf("%s: #%d", path, o.Index+1)
	if o.ID != "" {
		name += " (" + o.ID + ")"
	}
	var lines []string
	for _, f := range o.Findings {
		lines = append(lines, name+": "+f.String())
	}
	if o.Err != nil && len(o.Findings) == 0 {
		lines = append(lines, name+": "+o.Err.Error())
	}
	if o.Refused {
		lines = append(lines, name+": not stored")
	}
	return lines
}

// openInput opens a file, or standard input for "-". The size is -1 where it is not known.
func openInput(s streams, path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(s.in), -1, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// A progress shows how far a file has been read, on a terminal and nowhere else.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer, name string, size int64) progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progress{}
	}
	return progress{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name), progressbar.OptionShowBytes(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
	)}
}

func (p progress) reader(r io.Reader) io.Reader {
	if p.bar == nil {
		return r
	}
	return io.TeeReader(r, p.bar)
}

func (p progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear() // only for the eyes
	}
}

func (p progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish() // only for the eyes
	}
}

// newCounter shows how many there were so far, on a terminal and nowhere else.
func newCounter(w io.Writer, name string) progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progress{}
	}
	return progress{progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
	)}
}

// of says how many there will be.
func (p progress) of(n int) {
	if p.bar != nil && p.bar.GetMax() != n {
		p.bar.ChangeMax(n)
	}
}

func (p progress) set(n int) {
	if p.bar != nil {
		_ = p.bar.Set(n) // only for the eyes
	}
}
