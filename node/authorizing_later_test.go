package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A CPO asks about cards that were never sent, of every type, in every version. Since 2.2 the answer has the whole token (requirements
// DK-01, DK-03, DK-05, DK-11, ZK-02).
func TestATokenThatWasNeverSentIsAskedAbout_DK05(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			cpo, emsp := twoNodesIn(t, version)
			err := cpo.Partners.ChangePolicy(t.Context(), "greenwheels", func(p *partner.Policy) error {
				p.Pull.Off = true
				return nil
			})
			if err == nil {
				err = emsp.Partners.ChangePolicy(t.Context(), "grenspaal", func(p *partner.Policy) error {
					p.Push.Off = true
					return nil
				})
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // until the lanes have seen it
			for i, kind := range []v230.TokenType{"RFID", "APP_USER", "AD_HOC_USER", "EMAID", "OTHER"} {
				driver := ocpitest.Network(theirs).Token(1)
				driver.UID, driver.Type, driver.Whitelist = ocpi.CiString("NEW-"+string(kind)), kind, v230.WhitelistTypeNever
				driver.GroupID, driver.DefaultProfileType = new(ocpi.CiString("FAMILY")), new(v230.ProfileTypeGreen)
				driver.EnergyContract = &v230.EnergyContract{SupplierName: "Windpark", ContractID: new("W-1")}
				if _, err := emsp.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: driver}); err != nil {
					t.Fatal(err)
				}
				neverSent(t, cpo, version, driver)
				v := ask(t, cpo, authorize.Question{TokenUID: "NOBODYS", TokenType: kind})
				if v.Allowed != "NOT_ALLOWED" || v.By != authorize.ByUnknown {
					t.Errorf("%s: nobody's: %+v", kind, v)
				}
				if unknown := askedAs(t, emsp, authorize.Unknown); unknown != i+1 {
					t.Errorf("%s: %d questions about nobody's token are %d events", kind, i+1, unknown)
				}
			}
		})
	}
}

// neverSent asks about a token of the eMSP's.
func neverSent(t *testing.T, cpo running, version ocpi.Version, driver v230.Token) {
	t.Helper()
	v := ask(t, cpo, authorize.Question{TokenUID: string(driver.UID), TokenType: driver.Type, Location: &authorize.Place{LocationID: "LOC3"}})
	if v.Allowed != "ALLOWED" || v.By != authorize.ByRealtime || v.Partner != "greenwheels" || v.Party != theirs {
		t.Fatalf("%s: %+v", driver.Type, v)
	}
	if version == ocpi.V211 { // which answers without the token
		if v.Token != nil {
			t.Errorf("%s: %+v", driver.Type, v.Token)
		}
		return
	}
	if version == ocpi.V221 && driver.Type == v230.TokenTypeEMAID {
		driver.Type = v230.TokenTypeOther
	}
	if v.Token == nil {
		t.Fatalf("%s: there is no token", driver.Type)
	}
	if diff := cmp.Diff(driver, *v.Token, cmpopts.IgnoreFields(v230.Token{}, "LastUpdated", "Extra")); diff != "" {
		t.Errorf("%s: the token is %s", driver.Type, diff)
	}
}

// The operator is told the group of each card, of those that were sent and of those that are asked about: a charge that one card of a
// group has begun may be ended with another (requirement DK-10).
func TestCardsOfOneGroupAreToldAsOne_DK10(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			chargers := operate(t, cpo)
			for uid, card := range map[string]struct {
				whitelist v230.WhitelistType
				group     string
				source    string
			}{
				"CARD": {v230.WhitelistTypeAlways, "FAMILY", "cache"}, "KEYRING": {v230.WhitelistTypeAllowed, "FAMILY", "cache"},
				"PHONE": {v230.WhitelistTypeNever, "FAMILY", "realtime"}, "ALONE": {v230.WhitelistTypeAlways, "", "cache"},
			} {
				driver := ocpitest.Network(theirs).Token(1)
				driver.UID, driver.Whitelist, driver.Valid = ocpi.CiString(uid), card.whitelist, true
				if card.group != "" {
					driver.GroupID = new(ocpi.CiString(card.group))
				}
				if _, err := emsp.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: driver}); err != nil {
					t.Fatal(err)
				}
				var v backend.Authorization
				eventually(t, "the CPO has "+uid, func() bool {
					chargers.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"`+uid+`"}`, &v)
					return strings.Contains(string(v.Token), `"uid":"`+uid+`"`) && v.Source == card.source
				})
				grouped := card.group != "" && version != ocpi.V211 // which has no groups
				if v.Allowed != "ALLOWED" || strings.Contains(string(v.Token), `"group_id":"FAMILY"`) != grouped {
					t.Errorf("%s: %s by %s, %s", uid, v.Allowed, v.Source, v.Token)
				}
			}
		})
	}
}

// askedAs is how often a node has told that somebody has asked, and was answered so.
func askedAs(t *testing.T, n running, allowed string) (count int) {
	t.Helper()
	events, err := n.Told(t.Context(), authorize.EventAsked)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if strings.Contains(string(e.Data), `"allowed":"`+allowed) {
			count++
		}
	}
	return count
}

// The eMSP has authorized its driver by the command; whoever then asks need not ask it again (requirement DM-05).
func TestADriverOfACommandIsNotAskedAbout_DM05(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			request := sample.StartSession("")
			request.Token.UID, request.Token.Whitelist, request.AuthorizationReference = "NEW", v230.WhitelistTypeNever, new(ocpi.CiString("REF-1"))
			between(t, cpo, func() (command.Command, error) {
				return emsp.Commands.Sender.StartSession(t.Context(), "grenspaal", request)
			}, v230.CommandResponseTypeAccepted)
			v := ask(t, cpo, authorize.Question{TokenUID: "NEW", Location: &authorize.Place{LocationID: "LOC3", EVSEUIDs: []string{string(*request.EVSEUID)}}})
			if version == ocpi.V211 {
				if v.Allowed != "NOT_ALLOWED" {
					t.Errorf("2.1.1: %+v", v)
				}
				return
			}
			if v.Allowed != "ALLOWED" || v.By != authorize.ByCommand || v.AuthorizationReference != "REF-1" || v.AuthMethod != v230.AuthMethodCommand {
				t.Errorf("%+v", v)
			}
			if n := askedAs(t, emsp, ""); n != 0 {
				t.Errorf("the eMSP was asked %d times", n)
			}
		})
	}
}
