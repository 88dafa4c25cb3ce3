package backend

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func isNotFound(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, ocpi.ErrNotFound)
}

// unstamped stands for a last_updated that was left out, until it is known what it has to be. Nobody sends it.
const unstamped = "0001-01-01T00:00:00Z"

// isUnstamped reports whether a time was left out.
func isUnstamped(t ocpi.DateTime) bool { return t.Time().IsZero() }

// strictly reads a document that must be an object of the model, without a mistake. last_updated may be missing in it, in
// its EVSEs and connectors: then it is unstamped. findings are all mistakes; the error is that it is no JSON.
func strictly[T any](object string, decode func([]byte) (T, []ocpi.Finding, error), raw []byte) (read T, findings []ocpi.Finding, err error) {
	read, findings, err = decode(raw)
	if err != nil && len(findings) > 0 {
		if times := missingTimes(findings); len(times) > 0 {
			if raw, err = insert(raw, times); err != nil {
				return read, nil, err
			}
			read, findings, err = decode(raw)
		}
	}
	if err != nil && len(findings) == 0 { // no JSON at all
		return read, nil, err
	}
	unknown, err := v230.Unknown(object, raw)
	if err != nil {
		return read, nil, err
	}
	findings = append(findings, unknown...)
	slices.SortStableFunc(findings, func(a, b ocpi.Finding) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return read, findings, nil
}

const updatedMember = "/last_updated"

// missingTimes are the objects whose last_updated is missing, by pointer.
func missingTimes(findings []ocpi.Finding) map[string]bool {
	times := map[string]bool{}
	for _, f := range findings {
		if f.Code == ocpi.FindingMissing && strings.HasSuffix(f.Pointer, updatedMember) {
			times[strings.TrimSuffix(f.Pointer, updatedMember)] = true
		}
	}
	return times
}

// insert puts an unstamped last_updated into the objects with these pointers.
func insert(raw []byte, into map[string]bool) ([]byte, error) {
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(raw)), jsontext.NewEncoder(&out)
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := enc.WriteToken(token); err != nil {
			return nil, err
		}
		if token.Kind() != '{' || !into[string(dec.StackPointer())] {
			continue
		}
		if err := errors.Join(enc.WriteToken(jsontext.String("last_updated")), enc.WriteToken(jsontext.String(unstamped))); err != nil {
			return nil, err
		}
	}
}

// named are the mistakes of an object that is not the one that the path names.
func named(is identity, key ocpi.Key, idName string) []ocpi.Finding {
	var findings []ocpi.Finding
	mismatch := func(pointer, is, path string) {
		if is != path {
			findings = append(findings, ocpi.Finding{
				Pointer: pointer, Code: ocpi.FindingMismatch, Message: fmt.Sprintf("the path says %s, the document %s", path, is),
			})
		}
	}
	owner := is.owner()
	mismatch("/country_code", owner.CountryCode, key.Party.CountryCode)
	mismatch("/party_id", owner.PartyID, key.Party.PartyID)
	mismatch("/"+idName, string(*is.id), key.ID)
	if is.tokenType != nil && key.TokenType != "" {
		mismatch("/type", string(*is.tokenType), key.TokenType)
	}
	return findings
}

// strictly reads an object of the module.
func (m module[T]) strictly(raw []byte) (read T, findings []ocpi.Finding, err error) {
	read, findings, err = strictly(m.object, m.decode, raw)
	if err == nil && m.doubles != nil {
		findings = append(findings, m.doubles(&read)...)
	}
	return read, findings, err
}

// doubleEVSEs are the EVSEs and connectors that have the name of one before them: nobody could tell them apart.
func doubleEVSEs(l *v230.Location) (findings []ocpi.Finding) {
	seen := map[ocpi.CiString]bool{}
	for i := range l.EVSEs {
		evse, at := &l.EVSEs[i], fmt.Sprintf("/evses/%d", i)
		if seen[evse.UID] {
			findings = append(findings, double(at+"/uid", "an EVSE", evse.UID))
		}
		seen[evse.UID] = true
		findings = append(findings, doublesIn(evse, at)...)
	}
	return findings
}

func doubleConnectors(e *v230.EVSE) []ocpi.Finding { return doublesIn(e, "") }

func doublesIn(e *v230.EVSE, at string) (findings []ocpi.Finding) {
	seen := map[ocpi.CiString]bool{}
	for i := range e.Connectors {
		id := e.Connectors[i].ID
		if seen[id] {
			findings = append(findings, double(fmt.Sprintf("%s/connectors/%d/id", at, i), "a connector", id))
		}
		seen[id] = true
	}
	return findings
}

func double(pointer, what string, id ocpi.CiString) ocpi.Finding {
	return ocpi.Finding{Pointer: pointer, Code: ocpi.FindingConsistency, Message: fmt.Sprintf("there is %s %s before it", what, id)}
}

// A document is an object that came in and is to be stored.
type incoming[T any] struct {
	module module[T]
	raw    []byte
	object T
	// asked counts how often it was asked for.
	asked int
}

// receive reads an object strictly. The error is a Problem.
func (m module[T]) receive(raw []byte) (*incoming[T], error) {
	object, findings, err := m.strictly(raw)
	if err != nil {
		return nil, err
	}
	if len(findings) > 0 {
		return nil, invalid("the "+m.noun, findings)
	}
	return &incoming[T]{module: m, raw: raw, object: object}, nil
}

// against makes the object as it is to be stored beside what is there; nil for nothing. It can be asked for again.
func (in *incoming[T]) against(before *T, now ocpi.DateTime) (T, error) {
	if in.asked++; in.asked > 1 { // what was made before may have been changed deep inside
		var err error
		if in.object, _, err = strictly(in.module.object, in.module.decode, in.raw); err != nil {
			return in.object, err
		}
	}
	after := in.object
	if before != nil && in.module.respell != nil {
		in.module.respell(before, &after)
	}
	in.module.stamp(before, &after, now)
	if before == nil {
		return after, nil
	}
	return after, in.module.keep(before, &after)
}

// keep keeps what an older version has said and the model cannot say. It is not shown, so nobody can send it back; it is used
// only while it agrees with what the model says.
func (m module[T]) keep(before, after *T) error {
	raw, err := json.Marshal(before)
	if err != nil {
		return err
	}
	was := convert.StripLeftovers(raw)
	if len(was) == len(raw) { // there are none
		return nil
	}
	is, err := shown(after)
	if err != nil {
		return err
	}
	if bytes.Equal(was, is) {
		*after = *before
		return nil
	}
	m.leftovers(before, after)
	return nil
}

func keepExtra(before, after *ocpi.Extra) {
	for _, name := range []string{convert.LeftoverMember, convert.LeftoverMember221} {
		left, ok := (*before)[name]
		if !ok {
			continue
		}
		if *after == nil {
			*after = ocpi.Extra{}
		}
		(*after)[name] = left
	}
}

func keepLocation(before, after *v230.Location) {
	keepExtra(&before.Extra, &after.Extra)
	for i := range after.EVSEs {
		if was := findEVSE(before, string(after.EVSEs[i].UID)); was != nil {
			keepEVSE(was, &after.EVSEs[i])
		}
	}
}

func keepEVSE(before, after *v230.EVSE) {
	keepExtra(&before.Extra, &after.Extra)
	for i := range after.Connectors {
		if was := findConnector(before, string(after.Connectors[i].ID)); was != nil {
			keepExtra(&was.Extra, &after.Connectors[i].Extra)
		}
	}
}
