package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

type convertCmd struct {
	Object string    `help:"What the file holds: location, evse, connector, session, cdr, tariff or token." required:"" placeholder:"NAME"`
	From   string    `help:"OCPI version of the file: 2.1.1, 2.2.1 or 2.3.0." required:"" placeholder:"VERSION"`
	To     string    `help:"OCPI version to write: 2.1.1, 2.2.1 or 2.3.0." required:"" placeholder:"VERSION"`
	Party  partyFlag `help:"Owner of the objects, which 2.1.1 says only in URLs." placeholder:"PARTY"`
	EMSP   partyFlag `help:"For sessions and CDRs: the eMSP of the driver, which 2.1.1 does not say." name:"emsp" placeholder:"PARTY"`
	File   string    `arg:"" help:"One object, a JSON array, an OCPI envelope or JSON lines; - for standard input."`
}

// Help is what convert --help teaches beside its flags.
func (convertCmd) Help() string {
	return `The result goes to standard output, what the other version cannot say and what it misses to standard error.

What 2.1.1 says and 2.3.0 cannot is kept in a member "` + convert.LeftoverMember + `" of the 2.3.0 object, so that nothing is
lost on the way back; what 2.2.1 says, in "` + convert.LeftoverMember221 + `". The node never sends those members to a partner.

Exit code: 0 on success, 1 when some objects could not be used, 2 when the file could not be read.

Example:
  roamwire convert --object location --from 2.1.1 --to 2.3.0 --party DE/ROA station.json`
}

// Run translates the file.
func (c *convertCmd) Run(s streams) error {
	translate, err := c.translator()
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	in, _, err := openInput(s, c.File)
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	defer in.Close()
	file := transfer.Read(in)
	var results []jsontext.Value
	refused := false
	for d := range file.Documents() {
		if d.Err != nil {
			return exitError{exitUnreadable, fmt.Errorf("%s: #%d: %w", c.File, d.Index+1, d.Err)}
		}
		raw, losses, err := translate(d.Raw)
		if err != nil {
			fmt.Fprintf(s.err, "%s: #%d: %v\n", c.File, d.Index+1, err)
			refused = true
			continue
		}
		for _, loss := range losses {
			fmt.Fprintf(s.err, "%s: #%d: lost %s\n", c.File, d.Index+1, loss)
		}
		c.noteFindings(s, d.Index, raw)
		results = append(results, bytes.Clone(raw))
	}
	if err := writeResults(s, results, file.List); err != nil {
		return err
	}
	if refused {
		return exitError{code: exitFindings}
	}
	return nil
}

// noteFindings tells what the result lacks to be valid, such as the owner, which 2.1.1 does not say.
func (c *convertCmd) noteFindings(s streams, index int, raw []byte) {
	check, err := checker(ocpi.Version(c.To))
	if err != nil {
		return // translator has seen to it
	}
	findings, err := check(singular(c.Object), raw)
	if err != nil {
		return // what has just been written is JSON
	}
	for _, f := range findings {
		fmt.Fprintf(s.err, "%s: #%d: in the result, %s\n", c.File, index+1, f)
	}
}

// writeResults writes one object as itself and several as an array.
func writeResults(s streams, results []jsontext.Value, list bool) error {
	if list {
		texts := make([]string, len(results))
		for i, r := range results {
			texts[i] = string(r)
		}
		results = []jsontext.Value{jsontext.Value("[" + strings.Join(texts, ",") + "]")}
	}
	for _, r := range results {
		if err := r.Indent(jsontext.WithIndent("  ")); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.out, "%s\n", r); err != nil {
			return err
		}
	}
	return nil
}

type translator func(raw []byte) ([]byte, []convert.Loss, error)

// translator returns how objects of this kind get from one version to the other: by way of the model.
func (c *convertCmd) translator() (translator, error) {
	from, okFrom := wire.For(ocpi.Version(c.From))
	to, okTo := wire.For(ocpi.Version(c.To))
	if !okFrom || !okTo {
		return nil, fmt.Errorf("from %q to %q is not possible: 2.1.1, 2.2.1 and 2.3.0 are", c.From, c.To)
	}
	env := convert.Env{Owner: c.Party.party, EMSP: c.EMSP.party}
	switch strings.ToLower(singular(c.Object)) {
	case "location":
		return between(from.Locations, to.Locations, env), nil
	case "evse":
		return between(from.EVSEs, to.EVSEs, env), nil
	case "connector":
		return between(from.Connectors, to.Connectors, env), nil
	case "session":
		return between(from.Sessions, to.Sessions, env), nil
	case "cdr":
		return between(from.CDRs, to.CDRs, env), nil
	case "tariff":
		return between(from.Tariffs, to.Tariffs, env), nil
	case "token":
		return between(from.Tokens, to.Tokens, env), nil
	default:
		return nil, fmt.Errorf("%q cannot be converted: use location, evse, connector, session, cdr, tariff or token", c.Object)
	}
}

func between[T any](from, to wire.Codec[T], env convert.Env) translator {
	return func(raw []byte) ([]byte, []convert.Loss, error) {
		object, report, err := from.Read(raw, env, quirk.Profile{})
		if err != nil {
			return nil, nil, err
		}
		out, losses, err := to.Write(object, env)
		return out, append(report.Losses, losses...), err
	}
}
