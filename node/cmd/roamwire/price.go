package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

type priceCmd struct {
	CDR       string      `help:"File with a CDR, or several; - for standard input." name:"cdr" required:"" placeholder:"FILE"`
	Tariff    []string    `help:"File with the tariff that applied, or several. Default: those in the CDR." type:"path" placeholder:"FILE"`
	Version   versionFlag `help:"OCPI version of the files: 2.1.1, 2.2.1 or 2.3.0." default:"2.1.1" placeholder:"VERSION"`
	TimeZone  string      `help:"Time zone of the location, such as Europe/Berlin. Default: that in a CDR of 2.1.1, or that of the country where it has one, or UTC." placeholder:"ZONE"`
	Tolerance string      `help:"How far an amount may be off until it differs. Default: one of the smallest units of the currency." placeholder:"AMOUNT"`
	Rule      []string    `help:"How the CPO reads what OCPI leaves open, where that is not the default, as in flat=each. Can be repeated. All are in docs/pricing.md." placeholder:"RULE=VALUE"`
	JSON      bool        `help:"Write one JSON object for each CDR." name:"json"`
}

// Help is what price --help teaches beside its flags.
func (priceCmd) Help() string {
	return `Prints which tariff element priced what and why, what step_size added, what limits did, and compares the costs with those
of the CDR. Elements are numbered from 0, as in JSON Pointers.

Exit code: 0 when all CDRs agree with their tariffs, 1 when one differs, 2 when one cannot be priced.

Example:
  roamwire price --cdr cdr.json --tariff tariff.json --version 2.2.1 --time-zone Europe/Berlin`
}

// Run prices the CDRs.
func (p *priceCmd) Run(s streams) error {
	policy, err := p.policy()
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	tariffs, err := p.tariffs(s)
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	code := 0
	err = eachObject(s, p.CDR, ocpi.Version(p.Version), cdrsOf, func(cdr *v230.CDR, raw jsontext.Value, err error) error {
		located := policy
		if err == nil {
			if located, err = p.located(policy, cdr, raw); err != nil {
				err = fmt.Errorf("CDR %s: %w", cdr.ID, err)
			}
		}
		if err != nil { // the others can be priced
			code = exitUnreadable
			fmt.Fprintln(s.err, "roamwire:", err)
			return nil
		}
		audit := tariff.Check(cdr, tariffs, located)
		code = max(code, priceCode(audit.Verdict))
		return printPrice(s, cdr, audit.Report(), &located, p.JSON)
	})
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	if code != 0 {
		return exitError{code: code}
	}
	return nil
}

// tariffs reads those that applied.
func (p *priceCmd) tariffs(s streams) (tariffs []*v230.Tariff, err error) {
	fromInput := 0
	for _, file := range append([]string{p.CDR}, p.Tariff...) {
		if file == "-" {
			fromInput++
		}
	}
	if fromInput > 1 {
		return nil, errors.New("standard input can be read but once: give the others as files")
	}
	for _, file := range p.Tariff {
		err := eachObject(s, file, ocpi.Version(p.Version), tariffsOf, func(t *v230.Tariff, _ jsontext.Value, err error) error {
			tariffs = append(tariffs, t)
			return err // what one of them would cost nobody knows
		})
		if err != nil {
			return nil, err
		}
	}
	return tariffs, nil
}

// priceCode is the exit code that a verdict gives.
func priceCode(v tariff.Verdict) int {
	switch v {
	case tariff.Agrees:
		return 0
	case tariff.Differs:
		return exitFindings
	default:
		return exitUnreadable
	}
}

// policy is what the flags say of how prices are read.
func (p *priceCmd) policy() (tariff.Policy, error) {
	policy := tariff.PolicyFor(ocpi.Version(p.Version))
	if p.TimeZone != "" {
		zone, err := time.LoadLocation(p.TimeZone)
		if err != nil {
			return policy, fmt.Errorf("--time-zone: %w", err)
		}
		policy.Zone = zone
	}
	if p.Tolerance != "" {
		tolerance, err := tariff.ParseTolerance(p.Tolerance)
		if err != nil {
			return policy, fmt.Errorf("--tolerance: %w", err)
		}
		policy.Tolerance = tolerance
	}
	for _, rule := range p.Rule {
		name, value, _ := strings.Cut(rule, "=")
		if err := policy.Set(name, value); err != nil {
			return policy, fmt.Errorf("--rule: %w", err)
		}
	}
	return policy, nil
}

// located sets the time zone where none was given: that of the location in a CDR of 2.1.1, or that of the country.
func (p *priceCmd) located(policy tariff.Policy, cdr *v230.CDR, raw jsontext.Value) (tariff.Policy, error) {
	if policy.Zone != nil {
		return policy, nil
	}
	if policy.Zone = timezone.OfCDR(&cdr.CDRLocation); ocpi.Version(p.Version) != ocpi.V211 {
		return policy, nil
	}
	var sent struct {
		Location struct {
			TimeZone string `json:"time_zone"`
		} `json:"location"`
	}
	if err := json.Unmarshal(raw, &sent); err != nil || sent.Location.TimeZone == "" {
		return policy, nil //nolint:nilerr // the codec has read it
	}
	zone, err := time.LoadLocation(sent.Location.TimeZone)
	if err != nil {
		return policy, fmt.Errorf("the location's time_zone: %w; give one with --time-zone", err)
	}
	policy.Zone = zone
	return policy, nil
}

// printPrice writes a price and what was checked against it.
func printPrice(s streams, cdr *v230.CDR, report *tariff.Report, policy *tariff.Policy, asJSON bool) error {
	if asJSON {
		raw, err := json.Marshal(struct {
			CDR ocpi.CiString `json:"cdr_id"`
			*tariff.Report
		}{cdr.ID, report})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s\n", raw)
		return err
	}
	zone := policy.Zone
	if zone == nil {
		zone = time.UTC
	}
	fmt.Fprintf(s.out, "CDR %s\n", cdr.ID)
	if err := report.Write(s.out, zone); err != nil {
		return err
	}
	verdict := verdicts[report.Verdict]
	if report.BeforeTaxesOnly && report.Verdict == tariff.Agrees {
		verdict = "The CDR agrees with its tariff before taxes. Taxes were not compared."
	}
	_, err := fmt.Fprintf(s.out, "%s\n", verdict)
	return err
}

var verdicts = map[tariff.Verdict]string{
	tariff.Agrees:    "The CDR agrees with its tariff.",
	tariff.Differs:   "The CDR DIFFERS from what its tariff gives.",
	tariff.CannotSay: "Nobody can say whether the CDR is right.",
}

func cdrsOf(c *wire.Codecs) wire.Codec[v230.CDR]       { return c.CDRs }
func tariffsOf(c *wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }

// eachObject calls do with every object of a file, as the model has it and as it stands in the file, or with why it cannot be read.
func eachObject[T any](s streams, name string, v ocpi.Version, of func(*wire.Codecs) wire.Codec[T], do func(*T, jsontext.Value, error) error) error {
	in, _, err := openInput(s, name)
	if err != nil {
		return err
	}
	defer in.Close()
	if name == "-" {
		name = "standard input"
	}
	any := false
	for d := range transfer.Read(in).Documents() {
		if d.Err != nil {
			return fmt.Errorf("%s: #%d: %w", name, d.Index+1, d.Err)
		}
		any = true
		object, err := readAs(v, of, d.Raw)
		if err := do(&object, d.Raw, at(name, d.Index, err)); err != nil {
			return err
		}
	}
	if !any {
		return fmt.Errorf("%s: %w", name, errors.New("there is no object in it"))
	}
	return nil
}

// at says in which object of a file an error is.
func at(name string, index int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: #%d: %w", name, index+1, err)
}

// readAs reads an object of a version. Where it is none, and is one of another version, the error says so.
func readAs[T any](v ocpi.Version, of func(*wire.Codecs) wire.Codec[T], raw jsontext.Value) (object T, err error) {
	read := func(v ocpi.Version) (T, error) {
		codecs, _ := wire.For(v) // the flag has seen to it that there are codecs
		object, _, err := of(&codecs).Read(raw, convert.Env{}, quirk.Profile{})
		return object, err
	}
	if object, err = read(v); err == nil {
		return object, nil
	}
	for _, other := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
		if _, no := read(other); no == nil {
			return object, fmt.Errorf("it is not of version %s, but can be read with --version %s: %w", v, other, err)
		}
	}
	return object, err
}
