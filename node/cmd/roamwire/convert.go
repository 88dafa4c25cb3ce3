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
	Object string      `help:"What the file holds, by the name of the object or its module: location, evse, connector, session, cdr, tariff, token, credentials, or any other that partners exchange." required:"" placeholder:"NAME"`
	From   versionFlag `help:"OCPI version of the file: 2.1.1, 2.2.1 or 2.3.0." required:"" placeholder:"VERSION"`
	To     versionFlag `help:"OCPI version to write: 2.1.1, 2.2.1 or 2.3.0." required:"" placeholder:"VERSION"`
	Party  partyFlag   `help:"Owner of the objects, which 2.1.1 says only in URLs." placeholder:"PARTY"`
	EMSP   partyFlag   `help:"For sessions and CDRs: the eMSP of the driver, which 2.1.1 does not say." name:"emsp" placeholder:"PARTY"`
	File   string      `arg:"" help:"One object, a JSON array, an OCPI envelope or JSON lines; - for standard input."`
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
		if convert.Withheld(losses) {
			fmt.Fprintf(s.err, "%s: #%d: partners on %s do not get it: what is left would say something else\n", c.File, d.Index+1, ocpi.Version(c.To))
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
	name := c.Object
	if ocpi.Version(c.To) == ocpi.V211 && objectName(name) == "commandresult" {
		name = "CommandResponse" // which is what 2.1.1 has for results, too
	}
	findings, err := checker(ocpi.Version(c.To))(singular(name), raw)
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
	from, _ := wire.For(ocpi.Version(c.From)) // the flag has seen to it that there are codecs
	to, _ := wire.For(ocpi.Version(c.To))
	env := convert.Env{Owner: c.Party.party, EMSP: c.EMSP.party}
	kinds := kindsBetween(from, to, env)
	name := objectName(c.Object)
	for _, k := range kinds {
		if objectName(k.name) != name {
			continue
		}
		if k.translate == nil {
			return nil, fmt.Errorf("%s came with 2.2: there is none in 2.1.1", k.name)
		}
		return k.translate, nil
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return nil, fmt.Errorf("%q cannot be converted: use one of %s", c.Object, strings.Join(names, ", "))
}

// objectName is the name of an object without case and underscores, which are not told apart.
func objectName(text string) string {
	return strings.ToLower(strings.ReplaceAll(singular(text), "_", ""))
}

// A kind is an object that can be converted.
type kind struct {
	name string
	// translate is nil where one of the versions does not have the object.
	translate translator
}

// kindsBetween are all kinds of objects that partners exchange, from one version to another.
func kindsBetween(from, to wire.Codecs, env convert.Env) []kind {
	return []kind{
		between("Location", from.Locations, to.Locations, env),
		between("EVSE", from.EVSEs, to.EVSEs, env),
		between("Connector", from.Connectors, to.Connectors, env),
		between("Session", from.Sessions, to.Sessions, env),
		between("CDR", from.CDRs, to.CDRs, env),
		between("Tariff", from.Tariffs, to.Tariffs, env),
		between("Token", from.Tokens, to.Tokens, env),
		between("AuthorizationInfo", from.AuthorizationInfos, to.AuthorizationInfos, env),
		between("LocationReferences", from.LocationReferences, to.LocationReferences, env),
		between("StartSession", from.StartSessions, to.StartSessions, env),
		between("StopSession", from.StopSessions, to.StopSessions, env),
		between("ReserveNow", from.ReserveNows, to.ReserveNows, env),
		between("CancelReservation", from.CancelReservations, to.CancelReservations, env),
		between("UnlockConnector", from.UnlockConnectors, to.UnlockConnectors, env),
		between("CommandResponse", from.CommandResponses, to.CommandResponses, env),
		between("CommandResult", from.CommandResults, to.CommandResults, env),
		between("Credentials", from.Credentials, to.Credentials, env),
		between("ChargingPreferences", from.ChargingPreferences, to.ChargingPreferences, env),
		between("SetChargingProfile", from.SetChargingProfiles, to.SetChargingProfiles, env),
		between("ChargingProfileResponse", from.ChargingProfileResponses, to.ChargingProfileResponses, env),
		between("ActiveChargingProfile", from.ActiveChargingProfiles, to.ActiveChargingProfiles, env),
		between("ActiveChargingProfileResult", from.ActiveChargingProfileResults, to.ActiveChargingProfileResults, env),
		between("ChargingProfileResult", from.ChargingProfileResults, to.ChargingProfileResults, env),
		between("ClearProfileResult", from.ClearProfileResults, to.ClearProfileResults, env),
		between("ClientInfo", from.ClientInfos, to.ClientInfos, env),
	}
}

func between[T any](name string, from, to wire.Codec[T], env convert.Env) kind {
	if from.Read == nil || to.Write == nil {
		return kind{name: name}
	}
	return kind{name, func(raw []byte) ([]byte, []convert.Loss, error) {
		object, report, err := from.Read(raw, env, quirk.Profile{})
		if err != nil {
			return nil, nil, err
		}
		out, losses, err := to.Write(object, env)
		return out, append(report.Losses, losses...), err
	}}
}
