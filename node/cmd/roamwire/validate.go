package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

type validateCmd struct {
	Version versionFlag `help:"OCPI version to check against: 2.1.1, 2.2.1 or 2.3.0." default:"2.1.1" placeholder:"VERSION"`
	Object  string      `help:"What the file holds, such as location, evse, session, cdr, tariff, token or credentials." required:"" placeholder:"NAME"`
	Lint    bool        `help:"Also tell of what OCPI allows in a tariff and nobody can have meant." default:"true" negatable:""`
	Strict  bool        `help:"Warnings count as findings for the exit code."`
	JSON    bool        `help:"Write findings and warnings as JSON lines." name:"json"`
	File    string      `arg:"" help:"One object, a JSON array, an OCPI envelope or JSON lines; - for standard input."`
}

// Help is what validate --help teaches beside its flags.
func (validateCmd) Help() string {
	return `Findings are deviations from OCPI. Of tariffs that can be used there are warnings too: what OCPI allows, and would be priced
otherwise than it was meant, such as an element that can never apply.

Exit code: 0 when nothing was found but warnings, 1 with findings, or with --strict warnings, 2 when the file could not be read.

Examples:
  roamwire validate --object location station.json
  roamwire validate --object tariff --version 2.2.1 --strict tariffs.json`
}

// Run checks the file.
func (v *validateCmd) Run(s streams) error {
	check, lint := checker(ocpi.Version(v.Version)), v.linter()
	in, _, err := openInput(s, v.File)
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	defer in.Close()
	file := transfer.Read(in)
	objects, found, warned := 0, 0, 0
	for d := range file.Documents() {
		findings, err := checkDocument(check, singular(v.Object), d)
		if err != nil {
			return exitError{exitUnreadable, fmt.Errorf("%s: #%d: %w", v.File, d.Index+1, err)}
		}
		warnings := beside(findings, lint(d.Raw))
		objects++
		found += len(findings)
		warned += len(warnings)
		if err := v.print(s, file.List, d.Index, findings, warnings); err != nil {
			return err
		}
	}
	return v.sum(s, objects, found, warned)
}

// sum tells how much was found, and decides the exit code.
func (v *validateCmd) sum(s streams, objects, found, warned int) error {
	var all []string
	if found > 0 {
		all = append(all, fmt.Sprintf("%d findings", found))
	}
	if warned > 0 {
		all = append(all, fmt.Sprintf("%d warnings", warned))
	}
	switch {
	case len(all) > 0:
		fmt.Fprintf(s.err, "%s in %d objects\n", strings.Join(all, " and "), objects)
	case !v.JSON:
		fmt.Fprintf(s.out, "%d objects, nothing found\n", objects)
	}
	if found > 0 || warned > 0 && v.Strict {
		return exitError{code: exitFindings}
	}
	return nil
}

// linter finds what is allowed and hardly meant, in objects that can be used.
func (v *validateCmd) linter() func(raw []byte) []tariff.Finding {
	if !v.Lint || !strings.EqualFold(singular(v.Object), "tariff") {
		return func([]byte) []tariff.Finding { return nil }
	}
	codecs, _ := wire.For(ocpi.Version(v.Version)) // the flag has seen to it that there are codecs
	return func(raw []byte) []tariff.Finding {
		t, _, err := codecs.Tariffs.Read(raw, convert.Env{}, quirk.Profile{})
		if err != nil {
			return nil // the findings say why it cannot be used
		}
		return tariff.Lint(&t)
	}
}

// singular is the object that a module's name stands for.
func singular(object string) string {
	for _, module := range transfer.Modules() {
		if strings.EqualFold(object, string(module)) {
			return strings.TrimSuffix(object, object[len(object)-1:])
		}
	}
	return object
}

func checkDocument(check func(string, []byte) ([]ocpi.Finding, error), object string, d transfer.Document) ([]ocpi.Finding, error) {
	if d.Err != nil {
		return nil, d.Err
	}
	return check(object, d.Raw)
}

// checker finds what deviates from the tables of a version.
func checker(v ocpi.Version) func(object string, raw []byte) ([]ocpi.Finding, error) {
	switch v {
	case ocpi.V221:
		return v221.Check
	case ocpi.V230:
		return v230.Check
	default:
		return v211.Check
	}
}

// beside are the warnings of places of which no finding tells.
func beside(findings []ocpi.Finding, warnings []tariff.Finding) []tariff.Finding {
	told := map[string]bool{}
	for _, f := range findings {
		told[f.Pointer] = true
	}
	return slices.DeleteFunc(warnings, func(w tariff.Finding) bool { return told[w.Pointer] })
}

// A warning is a finding that is no deviation from OCPI.
type warning struct {
	tariff.Finding
	Warning bool `json:"warning"`
}

// print writes what was found in one object; in a list with the object's place before each pointer.
func (v *validateCmd) print(s streams, list bool, index int, findings []ocpi.Finding, warnings []tariff.Finding) error {
	place := ""
	if list {
		place = fmt.Sprintf("/%d", index)
	}
	for _, f := range findings {
		f.Pointer = place + f.Pointer
		kind := "finding"
		if f.Unusable {
			kind = "unusable"
		}
		if err := v.line(s, kind, f.Pointer, string(f.Code), f.Message, f); err != nil {
			return err
		}
	}
	for _, w := range warnings {
		w.Pointer = place + w.Pointer
		if err := v.line(s, "warning", w.Pointer, string(w.Code), w.Message, warning{w, true}); err != nil {
			return err
		}
	}
	return nil
}

// line writes one finding as text, or the object that stands for it.
func (v *validateCmd) line(s streams, kind, pointer, code, message string, object any) error {
	if !v.JSON {
		_, err := fmt.Fprintf(s.out, "%s: %s [%s] %s\n", cmp.Or(pointer, "(document)"), kind, code, message)
		return err
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\n", raw)
	return err
}
