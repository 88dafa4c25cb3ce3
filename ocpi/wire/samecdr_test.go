package wire_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Requirements CDR-08, CDR-17: a CDR that comes again is the same however it is written, in whichever version, and another
// one as soon as it says something else.
func TestACDRIsTheSameHoweverItIsWritten(t *testing.T) {
	owner := ocpi.NewParty("NL", "GPE")
	env := convert.Env{Owner: owner}
	codecs, _ := wire.For(ocpi.V211)
	rich := func(change func(*wire.CDR)) wire.CDR {
		cdr := ocpitest.Network(owner).CDR(1)
		cdr.Extra = nil
		if change != nil {
			change(&cdr)
		}
		return cdr
	}
	poor := func(change func(*wire.CDR)) wire.CDR { // as read in 2.1.1
		t.Helper()
		raw, _, err := codecs.CDRs.Write(rich(change), env)
		if err != nil {
			t.Fatal(err)
		}
		cdr, _, err := codecs.CDRs.Read(raw, env, quirk.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		return cdr
	}
	codecs221, _ := wire.For(ocpi.V221)
	middle := func(change func(*wire.CDR)) wire.CDR { // as read in 2.2.1
		t.Helper()
		raw, _, err := codecs221.CDRs.Write(rich(change), env)
		if err != nil {
			t.Fatal(err)
		}
		cdr, _, err := codecs221.CDRs.Read(raw, env, quirk.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		return cdr
	}
	taxes := func(names ...string) func(*wire.CDR) {
		return func(c *wire.CDR) {
			c.TotalCost.Taxes = nil
			for _, name := range names {
				c.TotalCost.Taxes = append(c.TotalCost.Taxes, v230.TaxAmount{Name: name, Amount: ocpi.MustNumber("1.50")})
			}
		}
	}
	remark := func(c *wire.CDR) { c.Remark = new("other") }
	energy := func(c *wire.CDR) { c.TotalEnergy = ocpi.MustNumber("999") }
	place := func(c *wire.CDR) { c.CDRLocation.City = "Elsewhere" }
	later := func(c *wire.CDR) { c.LastUpdated = ocpi.NewDateTime(c.LastUpdated.Time().Add(time.Hour)) }
	invoice := func(c *wire.CDR) { c.InvoiceReferenceID = new(ocpi.CiString("I-1")) }
	other := func(c *wire.CDR) { c.InvoiceReferenceID = new(ocpi.CiString("I-2")) }
	null := func(c *wire.CDR) { c.Extra = ocpi.Extra{"x": jsontext.Value("null")} }
	value := func(c *wire.CDR) { c.Extra = ocpi.Extra{"x": jsontext.Value("1")} }
	for _, test := range []struct {
		name string
		a, b wire.CDR
		same bool
	}{
		{"the same", rich(nil), rich(nil), true},
		{"the same in 2.1.1", poor(nil), poor(nil), true},
		{"in a later version", poor(nil), rich(nil), true},
		{"in a later version, with what only that can say", poor(nil), rich(invoice), true},
		{"in 2.1.1 after a later version", rich(invoice), poor(nil), true},
		{"the same in 2.2.1", middle(nil), middle(nil), true},
		{"in 2.2.1 and 2.1.1", middle(nil), poor(nil), true},
		{"in 2.2.1 and a later version", middle(nil), rich(nil), true},
		{"the same taxes by other names in a later version", middle(taxes("GST", "QST")), rich(taxes("QST", "GST")), true},
		{"another remark in 2.2.1", middle(nil), middle(remark), false},
		{"other energy in 2.2.1 and a later version", middle(nil), rich(energy), false},
		{"other taxes in 2.2.1 and a later version", middle(taxes("VAT")), rich(taxes("VAT", "VAT")), false},
		{"other taxes by other names", rich(taxes("GST")), rich(taxes("QST")), false},
		{"another invoice in 2.2.1 and a later version", middle(invoice), rich(other), false},
		{"another id case", rich(nil), rich(func(c *wire.CDR) { c.ID = ocpi.CiString(c.ID.Fold()) }), true},
		{"changed later", rich(nil), rich(later), true},
		{"changed later, in 2.1.1", poor(nil), poor(later), true},
		{"changed later, in a later version", poor(nil), rich(later), true},
		{"a member that is null", rich(nil), rich(null), true},
		{"another member", rich(nil), rich(value), false},
		{"another remark", rich(nil), rich(remark), false},
		{"another remark in 2.1.1", poor(nil), poor(remark), false},
		{"another remark in a later version", poor(nil), rich(remark), false},
		{"other energy in a later version", poor(nil), rich(energy), false},
		{"another place in a later version", poor(nil), rich(place), false},
		{"another invoice", rich(invoice), rich(other), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, pair := range [][2]wire.CDR{{test.a, test.b}, {test.b, test.a}} {
				if same, err := wire.SameCDR(pair[0], pair[1], env); err != nil || same != test.same {
					t.Errorf("same: %t, error: %v", same, err)
				}
			}
		})
	}
}
