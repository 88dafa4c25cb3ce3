package servertest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// The partners' own objects, as they send them in 2.1.1.

func (c client) env() convert.Env { return convert.Env{Owner: c.Party, Role: ocpi.RoleEMSP} }

func (c client) sample() ocpitest.Sample { return ocpitest.Network(c.Party) }

func (c client) location(id string) v211.Location {
	l, _ := convert.LocationTo211(c.sample().Location(1), c.env())
	l.ID = id
	return l
}

func (c client) session(id string) v211.Session {
	s, _ := convert.SessionTo211(c.sample().Session(1), c.env())
	s.ID, s.Location = id, c.location("LOC1")
	return s
}

func (c client) cdr(id string) v211.CDR {
	d, _ := convert.CDRTo211(c.sample().CDR(1), c.env())
	d.ID = ocpi.CiString(id)
	return d
}

func (c client) tariff(id string) v211.Tariff {
	tariff, _ := convert.TariffTo211(c.sample().Tariff(1), c.env())
	tariff.ID = id
	return tariff
}

func (c client) token(uid string) v211.Token {
	token, _ := convert.TokenTo211(c.sample().Token(1), c.env())
	token.UID = uid
	return token
}

// owned is the path of an object that this partner owns.
func (c client) owned(side, module, id string) string {
	return "/" + side + "/2.1.1/" + module + "/" + c.Party.CountryCode + "/" + c.Party.PartyID + "/" + id
}

// with changes a member of a JSON object; an empty value removes it.
func with(t *testing.T, object any, member, value string) []byte {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]jsontext.Value
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, member)
	if raw, err = json.Marshal(m, json.Deterministic(true)); err != nil {
		t.Fatal(err)
	}
	if value == "" {
		return raw
	}
	rest := strings.TrimPrefix(string(raw), "{")
	if rest != "}" {
		rest = "," + rest
	}
	return bytes.Join([][]byte{[]byte(`{"`), []byte(member), []byte(`":`), []byte(value), []byte(rest)}, nil)
}

// must writes an object as JSON.
func must(t *testing.T, object any) []byte {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
