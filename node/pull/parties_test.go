package pull_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

var others = ocpi.NewParty("BE", "GRP")

// A platform has the tariffs of several parties at one address, as since 2.2. A tariff is named by its party and its id.
type platform struct {
	mu sync.Mutex
	// tariffs are those of each party, and updated when all of them have changed.
	tariffs map[ocpi.Party][]string
	updated time.Time
	// deaf tells that it does not read whom a message is for, and failing is the party whose list it fails over with a status.
	deaf    bool
	failing ocpi.Party
	// strayed is a tariff of the second party that is in the list of the first alone.
	strayed string
	status  int
	wait    string
	// asked are the parties that were asked for their lists, and since when.
	asked []string
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	routing, err := ocpi.ReadRouting(r.Header)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	asked := routing.To.String()
	if r.URL.Query().Get("date_from") != "" {
		asked += " since"
	}
	p.asked = append(p.asked, asked)
	if p.status != 0 && routing.To == p.failing {
		if p.wait != "" {
			w.Header().Set("Retry-After", p.wait)
		}
		w.WriteHeader(p.status)
		return
	}
	var objects []string
	for _, party := range []ocpi.Party{them, others} {
		for _, id := range p.tariffs[party] {
			strayed := party == others && id == p.strayed
			if p.deaf || routing.To == party && !strayed || routing.To == them && strayed || routing.To == (ocpi.Party{}) {
				objects = append(objects, fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"currency":"EUR","tax_included":"NO",`+
					`"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],"last_updated":%q}`,
					party.CountryCode, party.PartyID, id, p.updated.UTC().Format(time.RFC3339)))
			}
		}
	}
	w.Header().Set("X-Total-Count", fmt.Sprint(len(objects)))
	_, _ = fmt.Fprintf(w, `{"status_code":1000,"timestamp":%q,"data":[%s]}`, start.Format(time.RFC3339), strings.Join(objects, ","))
}

// change changes the platform.
func (p *platform) change(fn func(*platform)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p)
}

// were returns who was asked for their lists since it was called last.
func (p *platform) were() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// fetched is a Taker that makes calls.
type fetched struct{ *shelf }

func (f fetched) Pages(ctx context.Context, c *ocpiclient.Client, _ *ocpi.Partner, q ocpi.Query, each func(pull.Page) error) error {
	for list, err := range c.CPO().Tariffs.Pages(ctx, q) {
		if err != nil {
			return err
		}
		page := pull.Page{
			Position: list.Position, Total: list.Total, Objects: len(list.Items), More: list.Next != "", Next: list.NextOffset,
			Missing: list.Missing, Time: list.Time,
		}
		for _, tariff := range list.Items {
			k := key(string(tariff.ID))
			k.Party = ocpi.NewParty(string(tariff.CountryCode), string(tariff.PartyID))
			page.Keys = append(page.Keys, k)
			page.Newest, page.Oldest = tariff.LastUpdated.Time(), tariff.LastUpdated.Time()
		}
		if err := f.put(ctx, page.Keys...); err != nil {
			return err
		}
		if err := each(page); err != nil {
			return err
		}
	}
	return nil
}

// Remove notes the party, too.
func (f fetched) Remove(ctx context.Context, from *ocpi.Partner, k store.Key, evses []string, at time.Time) error {
	k.ID = k.Party.String() + "/" + k.ID
	return f.shelf.Remove(ctx, from, k, evses, at)
}

// newPlatform is a rig whose partner is a platform of two CPOs with twelve tariffs each, under the same ids.
func newPlatform(t *testing.T, version ocpi.Version) (*rig, *platform) {
	t.Helper()
	r, p := newRig(t, nil), &platform{tariffs: map[ocpi.Party][]string{}, updated: start.Add(-time.Hour)}
	for i := range 12 {
		p.tariffs[them] = append(p.tariffs[them], fmt.Sprint("T", i))
		p.tariffs[others] = append(p.tariffs[others], fmt.Sprint("T", i))
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	r.partner.Version = version
	r.partner.Roles = append(r.partner.Roles, ocpi.PartyRole{Role: ocpi.RoleCPO, Party: others})
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r.Puller = r.another(func(c *pull.Config) {
		c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: fetched{r.shelf}}
		c.Client = func(context.Context, string) (*ocpiclient.Client, error) {
			endpoint := ocpi.Endpoint{Module: ocpi.ModuleTariffs, URL: server.URL + "/tariffs"}
			if version != ocpi.V211 {
				endpoint.Role = ocpi.Sender
			}
			return ocpiclient.New(ocpiclient.Config{
				Partner: r.partner.Partner, Token: "token", Version: version, Transport: transport, Retries: -1,
				Endpoints: []ocpi.Endpoint{endpoint}, PartnerRole: ocpi.RoleCPO, OwnRole: ocpi.RoleEMSP, Own: ocpi.NewParty("DE", "EMP"),
			})
		}
	})
	return r, p
}

// A platform with several parties is asked for the list of each in one pull, and what vanishes is counted in each (requirements
// DT-21, DT-14).
func TestEachPartyOfAPlatformIsAskedForItsList_DT21(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			r, p := newPlatform(t, version)
			state := r.full(t)
			if diff := cmp.Diff([]string{them.String(), others.String()}, p.were()); diff != "" {
				t.Error(diff)
			}
			if state.Objects != 24 || len(state.Lists) != 2 || state.Lists[1].Objects != 12 || state.Mixed || r.stored(t) != 24 {
				t.Errorf("%d stored: %+v", r.stored(t), state)
			}
			if _, err := r.delta(t); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{them.String() + " since", others.String() + " since"}, p.were()); diff != "" {
				t.Error(diff)
			}
			p.change(func(p *platform) { p.tariffs[others] = p.tariffs[others][:10] })
			r.full(t)
			r.full(t)
			if diff := cmp.Diff([]string{"BE/GRP/T10", "BE/GRP/T11"}, r.names()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Where there is one list, it is asked for as ever: in 2.1.1, of a hub, and of a platform with one party.
func TestOneListIsAskedForOnce(t *testing.T) {
	hub := ocpi.NewParty("NL", "HUB")
	for name, test := range map[string]struct {
		version ocpi.Version
		roles   []ocpi.PartyRole
		want    string
	}{
		"2.1.1":     {ocpi.V211, []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: them}, {Role: ocpi.RoleEMSP, Party: them}}, "/"},
		"a hub":     {ocpi.V230, []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: them}, {Role: ocpi.RoleCPO, Party: others}, {Role: ocpi.RoleHub, Party: hub}}, "NL/HUB"},
		"one party": {ocpi.V221, []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: them}, {Role: ocpi.RoleEMSP, Party: others}}, "NL/GRP"},
	} {
		t.Run(name, func(t *testing.T) {
			r, p := newPlatform(t, test.version)
			r.partner.Roles = test.roles
			if state := r.full(t); len(state.Lists) > 0 {
				t.Errorf("%+v", state)
			}
			if diff := cmp.Diff([]string{test.want}, p.were()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A platform that does not read whom it is asked for gives everything to each. Nothing is there twice or vanishes by it, and it is
// told once.
func TestAPlatformThatDoesNotReadWhomItIsAskedFor(t *testing.T) {
	r, p := newPlatform(t, ocpi.V221)
	p.deaf = true
	for range 3 {
		if state := r.full(t); state.Objects != 24 || !state.Mixed || r.stored(t) != 24 || state.Last.Gone > 0 {
			t.Errorf("%d stored: %+v", r.stored(t), state)
		}
	}
	if n := strings.Count(r.log.String(), "it may not read whom a message is for"); n != 1 {
		t.Errorf("told %d times", n)
	}
	p.change(func(p *platform) { p.tariffs[others] = p.tariffs[others][1:] })
	r.full(t)
	r.full(t)
	if diff := cmp.Diff([]string{"BE/GRP/T0"}, r.names()); diff != "" {
		t.Error(diff)
	}
	p.change(func(p *platform) { p.deaf = false }) // it has learned
	if state := r.full(t); state.Mixed || state.Objects != 23 {
		t.Errorf("%+v", state)
	}
}

// An object that is in the list of another party alone is there, also while that list cannot be had.
func TestAnObjectInTheListOfAnotherPartyHasNotVanished(t *testing.T) {
	r, p := newPlatform(t, ocpi.V221)
	p.strayed = "T3"
	for range 3 {
		if state := r.full(t); !state.Mixed || state.Objects != 24 {
			t.Errorf("%+v", state)
		}
	}
	p.change(func(p *platform) { p.failing, p.status = them, http.StatusNotFound })
	for range 3 {
		if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil {
			t.Error("a pull without one of its lists is complete")
		}
	}
	if got := r.names(); len(got) > 0 {
		t.Errorf("%q removed", got)
	}
}

// The list of a party that fails loses nothing of the others': they are stored, and what has vanished from them is. The cursor stays.
func TestAListThatFailsLosesNothingOfTheOthers(t *testing.T) {
	r, p := newPlatform(t, ocpi.V221)
	before := r.full(t)
	p.were()
	p.change(func(p *platform) {
		p.failing, p.status, p.updated = them, http.StatusInternalServerError, start.Add(-time.Minute)
		p.tariffs[others] = append(p.tariffs[others][:11], "new")
		p.tariffs[them] = p.tariffs[them][:11]
	})
	for range 2 {
		state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
		if err == nil || !strings.Contains(state.LastError, "the list of NL/GRP: ") || !state.Cursor.Equal(before.Cursor) {
			t.Errorf("cursor %s, was %s: %v", state.Cursor, before.Cursor, err)
		}
		if state.Unproven == "" || state.Objects != 24 {
			t.Errorf("%+v", state)
		}
	}
	if got := p.were(); got[len(got)-1] != others.String() {
		t.Errorf("%q were asked", got)
	}
	if r.stored(t) != 25 {
		t.Errorf("%d stored", r.stored(t))
	}
	if diff := cmp.Diff([]string{"BE/GRP/T11"}, r.names()); diff != "" {
		t.Error(diff)
	}
	p.change(func(p *platform) { p.status = 0 })
	if state := r.full(t); !state.Cursor.Equal(start.Add(-time.Minute)) || state.Unproven != "" || state.Objects != 23 {
		t.Errorf("%+v", state)
	}
	r.full(t)
	if !slices.Contains(r.names(), "NL/GRP/T11") {
		t.Errorf("%q removed", r.names())
	}
}

// A partner that asks to be left alone is not asked for the lists of its other parties.
func TestAPlatformThatWantsToBeLeftAloneIs(t *testing.T) {
	r, p := newPlatform(t, ocpi.V221)
	p.failing, p.status, p.wait = them, http.StatusTooManyRequests, "600"
	state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
	if err == nil || !state.NotBefore.Equal(start.Add(10*time.Minute)) {
		t.Errorf("%+v: %v", state, err)
	}
	if diff := cmp.Diff([]string{them.String()}, p.were()); diff != "" {
		t.Error(diff)
	}
}

// What a party had before it came to the platform is not new by its time.
func TestAPartyThatComesToAPlatformIsAskedForEverything(t *testing.T) {
	r, p := newPlatform(t, ocpi.V221)
	both := r.partner.Roles
	r.partner.Roles = both[:1]
	r.full(t)
	p.were()
	r.partner.Roles = both
	for _, want := range [][]string{{"NL/GRP", "BE/GRP"}, {"NL/GRP since", "BE/GRP since"}} {
		state, err := r.delta(t)
		if err != nil || state.Objects != 24 {
			t.Errorf("%+v: %v", state, err)
		}
		if diff := cmp.Diff(want, p.were()); diff != "" {
			t.Error(diff)
		}
	}
}
