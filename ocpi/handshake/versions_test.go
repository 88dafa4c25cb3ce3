package handshake_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// speaking makes a platform speak some versions.
func speaking(versions ...ocpi.Version) func(*handshake.Config, *ocpiserver.Config) {
	return func(h *handshake.Config, s *ocpiserver.Config) { h.Versions, s.Versions = versions, versions }
}

// both makes a platform of one role have the other one too, as the same party.
func both(h *handshake.Config, s *ocpiserver.Config) {
	party := h.Parties[0].Party
	h.Parties = []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party}}
	h.Own.(*ocpitest.Credentials).Parties, s.Parties = h.Parties, h.Parties
	s.CPO, s.EMSP = new(ocpitest.CPO).Backend(), new(ocpitest.EMSP).Backend()
}

// allVersions is the versions endpoint of all roles.
func (p *platform) allVersions() string { return p.url + "/versions" }

// at checks that a partner is registered and speaks a version.
func (p *platform) at(t *testing.T, name string, want ocpi.Version) {
	t.Helper()
	if r := p.relation(t, name); r.State != handshake.Registered || r.Remote.Version != want {
		t.Errorf("%s at the %s is %s with %q, want %q", name, p.role, r.Words(), r.Remote.Version, want)
	}
}

func TestRegistrationPicksTheHighestVersionOfBoth_V09(t *testing.T) {
	sets := [][]ocpi.Version{{ocpi.V211}, {ocpi.V221}, {ocpi.V230}, {ocpi.V211, ocpi.V221}, ocpi.Versions()}
	for _, cpoSpeaks := range sets {
		for _, emspSpeaks := range sets {
			t.Run(fmt.Sprint(cpoSpeaks, emspSpeaks), func(t *testing.T) {
				t.Parallel()
				common := slices.DeleteFunc(slices.Clone(cpoSpeaks), func(v ocpi.Version) bool { return !slices.Contains(emspSpeaks, v) })
				for _, cpoBegins := range []bool{false, true} {
					cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(cpoSpeaks...))
					emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(emspSpeaks...))
					inviting, invited, to, from := cpo, emsp, "emsp", "cpo"
					if cpoBegins {
						inviting, invited, to, from = emsp, cpo, "cpo", "emsp"
					}
					tokenA, err := inviting.Invite(t.Context(), to, handshake.Terms{})
					if err != nil {
						t.Fatal(err)
					}
					err = invited.Register(t.Context(), from, handshake.Invitation{VersionsURL: inviting.versionsURL(), Token: tokenA})
					if len(common) == 0 {
						if err == nil || !strings.Contains(err.Error(), "step 2") {
							t.Errorf("no version in common: %v", err)
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					want := slices.MaxFunc(common, ocpi.Version.Compare)
					cpo.at(t, "emsp", want)
					emsp.at(t, "cpo", want)
					encoding := ocpi.DefaultTokenEncoding(want)
					for _, r := range []handshake.Relation{cpo.relation(t, "emsp"), emsp.relation(t, "cpo")} {
						if r.Encoding != encoding {
							t.Errorf("tokens are sent %s in %s", r.Encoding, want)
						}
					}
				}
			})
		}
	}
}

func TestPlatformsOfBothRolesRegisterOnceSince22_DC01_DC06_DV02(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.V211, version), both)
		emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(ocpi.V211, version), both)
		tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{Role: ocpi.RoleEMSP})
		if err != nil {
			t.Fatal(err)
		}
		if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.allVersions(), Token: tokenA}); err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]*platform{"emsp": cpo, "cpo": emsp} {
			party := map[string]ocpi.Party{"emsp": emspParty, "cpo": cpoParty}[name]
			r := p.relation(t, name)
			want := []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party}}
			if diff := cmp.Diff(want, r.Remote.Roles); diff != "" || r.Remote.Version != version {
				t.Errorf("%s %s: %s", name, r.Remote.Version, diff)
			}
		}
	}
}

// A PUT of credentials moves a relation to another version; it stays the same relation, and both versions are answered (requirement C-12).
func TestAPartnerThatUpgradesByPutMovesOver_C12(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.Versions()...))
	emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(ocpi.Versions()...))
	tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{Hide: []ocpi.Version{ocpi.V221, ocpi.V230}})
	if err != nil {
		t.Fatal(err)
	}
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	emsp.at(t, "cpo", ocpi.V211)
	since := cpo.relation(t, "emsp").Since
	for _, step := range []struct {
		hide []ocpi.Version
		want ocpi.Version
	}{{[]ocpi.Version{ocpi.V230}, ocpi.V221}, {nil, ocpi.V230}} {
		before := emsp.relation(t, "cpo")
		if err := cpo.Change(t.Context(), "emsp", func(terms *handshake.Terms) { terms.Hide = step.hide }); err != nil {
			t.Fatal(err)
		}
		if err := emsp.Update(t.Context(), "cpo"); err != nil {
			t.Fatal(err)
		}
		cpo.at(t, "emsp", step.want)
		emsp.at(t, "cpo", step.want)
		if got := cpo.relation(t, "emsp"); !got.Since.Equal(since) || emsp.relation(t, "cpo").Outbound[0].Token == before.Outbound[0].Token {
			t.Errorf("moving to %s: registered since %s, before since %s; or the token is the same", step.want, got.Since, since)
		}
		works(t, cpo, emsp)
		// What was under way in the version before is answered.
		for _, e := range before.Remote.Endpoints {
			if e.Module == ocpi.ModuleLocations {
				token := emsp.relation(t, "cpo").Outbound[0].Token
				if s, raw := request(t, http.MethodGet, e.URL, token, ""); s.ocpi != ocpi.StatusSuccess {
					t.Errorf("a call in the version before: %+v %s", s, raw)
				}
			}
		}
	}

	// Going back is the same, where a version is pinned.
	if err := emsp.Change(t.Context(), "cpo", func(terms *handshake.Terms) { terms.Pin = ocpi.V211 }); err != nil {
		t.Fatal(err)
	}
	if err := emsp.Rotate(t.Context(), "cpo"); err != nil {
		t.Fatal(err)
	}
	cpo.at(t, "emsp", ocpi.V211)
	emsp.at(t, "cpo", ocpi.V211)
	works(t, cpo, emsp)
}
