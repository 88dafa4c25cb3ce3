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

// Requirements DC-03, DC-04, V-09: in every pair of versions the first token is void after the registration, and tokens are renewed.
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
					renewed(t, inviting, invited, tokenA, from)
					works(t, cpo, emsp)
				}
			})
		}
	}
}

// renewed checks that the token of an invitation is void once it was used, and so is the one after it when it is renewed.
func renewed(t *testing.T, inviting, invited *platform, tokenA, name string) {
	t.Helper()
	before := invited.relation(t, name).Outbound[0].Token
	if err := invited.Rotate(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	now := invited.relation(t, name).Outbound[0].Token
	for token, want := range map[string]int{tokenA: http.StatusUnauthorized, before: http.StatusUnauthorized, now: http.StatusOK} {
		if s, _ := request(t, http.MethodGet, inviting.versionsURL(), token, ""); s.http != want {
			t.Errorf("the token A %v, the one before %v: HTTP %d", token == tokenA, token == before, s.http)
		}
	}
}

// Requirements DC-01, DC-06, DV-02: one registration is for all roles, each of which is there.
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

// An update does not undo what the partner has decided; a rotation by a person does.
func TestAPartnerThatGoesBackIsNotMovedUpByAnUpdate(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.Versions()...))
	emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(ocpi.Versions()...))
	tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	cpo.at(t, "emsp", ocpi.V230)
	body := fmt.Sprintf(`{"token":%q,"url":"%s","business_details":{"name":"x"},"party_id":"TST","country_code":"BE"}`,
		cpo.relation(t, "emsp").Outbound[0].Token, emsp.allVersions())
	if s, raw := request(t, http.MethodPut, cpo.credentialsURL(), emsp.relation(t, "cpo").Outbound[0].Token, body); s.ocpi != ocpi.StatusSuccess {
		t.Fatalf("going back: %+v %s", s, raw)
	}
	cpo.at(t, "emsp", ocpi.V211)
	if err := cpo.Update(t.Context(), "emsp"); err != nil {
		t.Error(err)
	}
	cpo.at(t, "emsp", ocpi.V211)
	if err := cpo.Rotate(t.Context(), "emsp"); err != nil {
		t.Error(err)
	}
	cpo.at(t, "emsp", ocpi.V230)
}

func TestAVersionThatIsHiddenIsNeitherSeenNorReached(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.Versions()...))
	for name, terms := range map[string]handshake.Terms{
		"hidden": {Hide: []ocpi.Version{ocpi.V221, ocpi.V230}}, "pinned": {Pin: ocpi.V211}, "all": {},
	} {
		token, err := cpo.Invite(t.Context(), name, terms)
		if err != nil {
			t.Fatal(err)
		}
		_, raw := request(t, http.MethodGet, cpo.allVersions(), token, "")
		for _, v := range ocpi.Versions() {
			seen := name == "all" || v == ocpi.V211
			if strings.Contains(raw, string(v)) != seen {
				t.Errorf("%s: is %s among the versions? %s", name, v, raw)
			}
			want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[seen]
			if s, _ := request(t, http.MethodGet, cpo.url+"/"+string(v)+"/details", token, ""); s.http != want {
				t.Errorf("%s: details of %s: %+v", name, v, s)
			}
		}
	}
	if _, err := cpo.Invite(t.Context(), "none", handshake.Terms{Hide: ocpi.Versions()}); err == nil {
		t.Error("a partner from which every version is hidden")
	}
}

// Requirements ZC-01, ZC-02, DC-02: a hub is known by its role or its hub_party_id, and so are the parties behind it.
func TestAHubIsKeptAsOne_ZC01_DC02(t *testing.T) {
	for version, body := range map[ocpi.Version]string{
		ocpi.V221: `{"token":"x","url":"%s","roles":[{"role":"HUB","country_code":"BE","party_id":"TST","business_details":{"name":"Hub"}}]}`,
		ocpi.V230: `{"token":"x","url":"%s","hub_party_id":"BETST","roles":[{"role":"EMSP","country_code":"FR","party_id":"AAA","business_details":{"name":"x"}}]}`,
	} {
		cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.Versions()...))
		hub := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(ocpi.Versions()...))
		callback, err := hub.Invite(t.Context(), "cpo", handshake.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		token, err := cpo.Invite(t.Context(), "hub", handshake.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(fmt.Sprintf(body, hub.allVersions()), `"token":"x"`, `"token":"`+callback+`"`, 1)
		if s, raw := request(t, http.MethodPost, cpo.url+"/"+string(version)+"/credentials", token, text); s.ocpi != ocpi.StatusSuccess {
			t.Fatalf("%s: %+v %s", version, s, raw)
		}
		partner := new(cpo.relation(t, "hub")).Partner()
		if partner.Hub != emspParty || !partner.Speaks(ocpi.RoleHub, emspParty) || partner.Speaks(ocpi.RoleOther, emspParty) {
			t.Errorf("%s: the hub is %+v", version, partner)
		}
		if version == ocpi.V230 && !partner.Speaks(ocpi.RoleEMSP, ocpi.NewParty("FR", "AAA")) {
			t.Errorf("a party behind the hub is missing: %+v", partner)
		}
	}
}

// credentialsOf are credentials of an eMSP in the words of a version since 2.2.
func credentialsOf(emsp *platform, token string) string {
	return fmt.Sprintf(`{"token":%q,"url":%q,"roles":[{"role":"EMSP","country_code":"BE","party_id":"TST","business_details":{"name":"Test"}}]}`,
		token, emsp.allVersions())
}

// Requirement DC-05: who may POST, PUT and DELETE when is since 2.2 as it was, and a POST is answered only when the versions and
// the details behind them have been read.
func TestWhoMayRegisterWhenSince22_DC05(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, speaking(ocpi.Versions()...))
			emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, speaking(ocpi.V211, version))
			theirs, err := emsp.Invite(t.Context(), "cpo", handshake.Terms{})
			if err != nil {
				t.Fatal(err)
			}
			tokenA := invite(t, cpo)
			url, body := cpo.url+"/"+string(version)+"/credentials", credentialsOf(emsp, theirs)
			call := func(method, token string, http int) string {
				t.Helper()
				s, raw := request(t, method, url, token, map[string]string{"POST": body, "PUT": body}[method])
				if s.http != http || (s.ocpi == ocpi.StatusSuccess) != (http == 200) {
					t.Errorf("%s: %+v, want HTTP %d: %s", method, s, http, raw)
				}
				_, after, _ := strings.Cut(raw, `"token":"`)
				given, _, _ := strings.Cut(after, `"`)
				return given
			}
			call("PUT", tokenA, http.StatusMethodNotAllowed)
			call("DELETE", tokenA, http.StatusMethodNotAllowed)
			cpo.wantState(t, "emsp", handshake.Invited, "")

			var read []string
			emsp.intercepting(func(_ http.ResponseWriter, r *http.Request) bool {
				if token, want := r.Header.Get("Authorization"), ocpi.Authorization(theirs, ocpi.TokenBase64); token != want {
					t.Errorf("%s is read with %q, want %q (DT-01)", r.URL.Path, token, want)
				}
				read = append(read, strings.TrimPrefix(r.URL.Path, "/ocpi"))
				return false
			})
			tokenC := call("POST", tokenA, http.StatusOK)
			if want := []string{"/versions", "/" + string(version) + "/details"}; !slices.Equal(read, want) {
				t.Errorf("before the answer it had read %v, want %v", read, want)
			}
			cpo.at(t, "emsp", version)
			call("POST", tokenC, http.StatusMethodNotAllowed)
			next := call("PUT", tokenC, http.StatusOK)
			call("PATCH", next, http.StatusMethodNotAllowed)
			call("DELETE", next, http.StatusOK)
			cpo.wantState(t, "emsp", handshake.Removed, "")
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				call(method, next, http.StatusUnauthorized)
			}
		})
	}
}
