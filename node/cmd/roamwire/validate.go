package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type validateCmd struct {
	Version versionFlag `help:"OCPI version to check against: 2.1.1, 2.2.1 or 2.3.0." default:"2.1.1" placeholder:"VERSION"`
	Object  string      `help:"What the file holds, such as location, evse, session, cdr, tariff, token or credentials." required:"" placeholder:"NAME"`
	JSON    bool        `help:"Write findings as JSON lines." name:"json"`
	File    string      `arg:"" help:"One object, a JSON array, an OCPI envelope or JSON lines; - for standard input."`
}

// Help is what validate --help teaches beside its flags.
func (validateCmd) Help() string {
	return `Exit code: 0 when nothing was found, 1 with findings, 2 when the file could not be read.

Example:
  roamwire validate --object location station.json`
}

// Run checks the file.
func (v *validateCmd) Run(s streams) error {
	check := checker(ocpi.Version(v.Version))
	in, _, err := openInput(s, v.File)
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	defer in.Close()
	file := transfer.Read(in)
	objects, found := 0, 0
	for d := range file.Documents() {
		findings, err := checkDocument(check, singular(v.Object), d)
		if err != nil {
			return exitError{exitUnreadable, fmt.Errorf("%s: #%d: %w", v.File, d.Index+1, err)}
		}
		objects++
		found += len(findings)
		if err := v.print(s, file.List, d.Index, findings); err != nil {
			return err
		}
	}
	if found > 0 {
		fmt.Fprintf(s.err, "%d findings in %d objects\n", found, objects)
		return exitError{code: exitFindings}
	}
	if !v.JSON {
		fmt.Fprintf(s.out, "%d objects, nothing found\n", objects)
	}
	return nil
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

// print writes the findings of one object; in a list with the object's place before each pointer.
func (v *validateCmd) print(s streams, list bool, index int, findings []ocpi.Finding) error {
	for _, f := range findings {
		if list {
			f.Pointer = fmt.Sprintf("/%d%s", index, f.Pointer)
		}
		if !v.JSON {
			kind := "finding"
			if f.Unusable {
				kind = "unusable"
			}
			fmt.Fprintf(s.out, "%s: %s [%s] %s\n", cmp.Or(f.Pointer, "(document)"), kind, f.Code, f.Message)
			continue
		}
		raw, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s\n", raw)
	}
	return nil
}
