package ocpiclient_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The parties of platforms with several: ours, and the partner's.
var (
	ourOther = ocpi.NewParty("BE", "TS2")
	second   = ocpi.NewParty("NL", "GP2")
)

// A router is a partner that writes down the routing headers of each request and answers with what it is told to.
type router struct {
	awkward
	mu     sync.Mutex
	asked  []string
	answer func(asked ocpi.Routing, h http.Header)
}

func newRouter(t *testing.T, config ocpiclient.Config) *router {
	t.Helper()
	r := &router{answer: func(asked ocpi.Routing, h http.Header) { asked.Reply().Set(h) }}
	r.awkward = newAwkward(t, config, func(w http.ResponseWriter, request *http.Request) {
		routing, err := ocpi.ReadRouting(request.Header)
		if err != nil {
			t.Errorf("%s: %v", request.URL, err)
		}
		r.mu.Lock()
		r.asked = append(r.asked, said(routing))
		r.answer(routing, w.Header())
		r.mu.Unlock()
		switch {
		case strings.Contains(request.URL.Path, "versions"):
			ok(w, `[{"version":"2.3.0","url":"https://example.com/2.3.0"}]`)
		case request.Method == http.MethodGet:
			ok(w, "[]")
		case strings.HasSuffix(request.URL.Path, "authorize"):
			fails(w, http.StatusNotFound, ocpi.StatusUnknownToken, "Unknown Token")
		case strings.Contains(request.URL.Path, "commands"):
			ok(w, `{"result":"ACCEPTED","timeout":30}`)
		default:
			ok(w, "null")
		}
	})
	return r
}

func said(r ocpi.Routing) string {
	name := func(p ocpi.Party) string {
		if p == (ocpi.Party{}) {
			return "nobody"
		}
		return p.String()
	}
	return name(r.From) + " to " + name(r.To)
}

// platform is a partner with two parties in each role.
func platform() *ocpi.Partner {
	return &ocpi.Partner{ID: "them", Roles: append(both(theirs), both(second)...)}
}

// last is what the last request said.
func (r *router) last(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return r.asked[len(r.asked)-1]
}

// DT-18, DT-21: each call says which party of ours it is from and which of the partner's it is for.
func TestCallsSayWhomTheyAreForAndFrom_DT18_DT21(t *testing.T) {
	ofOther := ocpitest.Network(ourOther)
	forSecond := func() v230.Session {
		s := ocpitest.Network(ours).ActiveSession()
		s.CDRToken.CountryCode, s.CDRToken.PartyID = "NL", "GP2"
		return s
	}
	routed := ocpiclient.WithRouting(t.Context(), ocpi.Routing{From: ourOther})
	for _, call := range []struct {
		name string
		do   func(ctx context.Context, c *ocpiclient.Client) error
		want string
		ctx  context.Context
	}{
		{name: "a list is for the first party in the role", want: "BE/TST to NL/GPE", do: func(ctx context.Context, c *ocpiclient.Client) error {
			return drain(c.CPO().Locations.List(ctx, ocpi.Query{}))
		}},
		{name: "an object is from its owner", want: "BE/TS2 to NL/GPE", do: func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.EMSP().Locations.Put(ctx, ofOther.Location(1))
			return err
		}},
		{name: "a status is from the owner of the location", want: "BE/TS2 to NL/GPE", do: func(ctx context.Context, c *ocpiclient.Client) error {
			location := ofOther.Location(1)
			m, err := c.EMSP().Locations.ComposeStatus(ctx, ocpi.Key{Party: ourOther, ID: "LOC1"}, location.EVSEs[0])
			if err != nil {
				return err
			}
			_, err = c.Send(ctx, m)
			return err
		}},
		{name: "a session is for the eMSP of its driver", want: "BE/TST to NL/GP2", do: func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.EMSP().Sessions.Put(ctx, forSecond())
			return err
		}},
		{name: "a changed session is too", want: "BE/TST to NL/GP2", do: func(ctx context.Context, c *ocpiclient.Client) error {
			after := forSecond()
			after.KWh, after.LastUpdated = ocpi.MustNumber("30"), later(after.LastUpdated)
			return c.EMSP().Sessions.Patch(ctx, forSecond(), after)
		}},
		{name: "a CDR is for the eMSP of its driver", want: "BE/TST to NL/GP2", do: func(ctx context.Context, c *ocpiclient.Client) error {
			cdr := ocpitest.Network(ours).CDR(1)
			cdr.CDRToken.CountryCode, cdr.CDRToken.PartyID = "nl", "gp2"
			_, err := c.EMSP().CDRs.Post(ctx, cdr)
			return err
		}},
		{name: "a CDR of nobody's driver there is for the first party", want: "BE/TST to NL/GPE", do: func(ctx context.Context, c *ocpiclient.Client) error {
			cdr := ocpitest.Network(ours).CDR(1)
			cdr.CDRToken.CountryCode, cdr.CDRToken.PartyID = "DE", "XYZ"
			_, err := c.EMSP().CDRs.Post(ctx, cdr)
			return err
		}},
		{name: "a command is from the owner of the token", want: "BE/TS2 to NL/GPE", do: func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.CPO().Commands.StartSession(ctx, ofOther.StartSession("https://tst.example.com/1"))
			return err
		}},
		{name: "a question about a token is for its owner", want: "BE/TST to NL/GP2", do: func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.EMSP().Tokens.Authorize(ctx, ocpiclient.AuthorizeRequest{TokenUID: "1", Owner: second})
			if errors.Is(err, ocpi.ErrNotFound) { // 2004
				return nil
			}
			return err
		}},
		{name: "the caller knows better, and leaves the receiver to a hub", ctx: routed, want: "BE/TS2 to nobody", do: func(ctx context.Context, c *ocpiclient.Client) error {
			return drain(c.CPO().Tariffs.List(ctx, ocpi.Query{}))
		}},
		{name: "versions have none", want: "nobody to nobody", do: func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.Versions(ctx, baseOf(t, ctx)+"/ocpi/versions")
			return err
		}},
		{name: "credentials have none", ctx: routed, want: "nobody to nobody", do: func(ctx context.Context, c *ocpiclient.Client) error {
			return c.Unregister(ctx)
		}},
	} {
		for _, version := range ocpi.Versions() {
			t.Run(call.name+"/"+string(version), func(t *testing.T) {
				partner := newRouter(t, ocpiclient.Config{Version: version, Partner: platform(), OwnRole: ocpi.RoleCPO})
				ctx := call.ctx
				if ctx == nil {
					ctx = t.Context()
				}
				if err := call.do(context.WithValue(ctx, baseKey{}, partner.URL), partner.client); err != nil {
					t.Fatal(err)
				}
				want := call.want
				if version == ocpi.V211 {
					want = "nobody to nobody"
				}
				if got := partner.last(t); got != want {
					t.Errorf("it was from %s, want %s", got, want)
				}
				if q := partner.exchanges.quirks(); strings.Contains(q, "routing") {
					t.Errorf("quirks: %s", q)
				}
			})
		}
	}
}

type baseKey struct{}

func baseOf(t *testing.T, ctx context.Context) string {
	t.Helper()
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}

func drain[T any](list func(func(T, error) bool)) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// DT-21: what is for all goes to the hub itself, what is about a driver to the eMSP behind it.
func TestHubsAreNamedOrPassedBy_DT21(t *testing.T) {
	hub := &ocpi.Partner{ID: "hub", Roles: []ocpi.PartyRole{{Role: ocpi.RoleHub, Party: ocpi.NewParty("NL", "HUB")}}}
	partner := newRouter(t, ocpiclient.Config{Version: ocpi.V221, Partner: hub, OwnRole: ocpi.RoleCPO})
	if _, err := partner.client.EMSP().Locations.Put(t.Context(), ocpitest.Network(ours).Location(1)); err != nil {
		t.Fatal(err)
	}
	session := ocpitest.Network(ours).ActiveSession()
	session.CDRToken.CountryCode, session.CDRToken.PartyID = "DE", "XYZ"
	if _, err := partner.client.EMSP().Sessions.Put(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"BE/TST to NL/HUB", "BE/TST to DE/XYZ"}, partner.asked); diff != "" {
		t.Error(diff)
	}
}

// One Message goes to many partners, each under its own name.
func TestAMessageIsForWhomeverItIsSentTo(t *testing.T) {
	config := ocpiclient.Config{Version: ocpi.V230, OwnRole: ocpi.RoleCPO}
	one := newRouter(t, config)
	config.Partner = &ocpi.Partner{ID: "other", Roles: both(second)}
	other := newRouter(t, config)
	m, err := one.client.EMSP().Locations.ComposePut(t.Context(), ocpitest.Network(ours).Location(1))
	if err != nil {
		t.Fatal(err)
	}
	for partner, want := range map[*router]string{one: "BE/TST to NL/GPE", other: "BE/TST to NL/GP2"} {
		if _, err := partner.client.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := partner.last(t); got != want {
			t.Errorf("it was from %s, want %s", got, want)
		}
	}
}

// DT-19, DT-20: an answer may say nothing, and what it says wrong is noticed and does no harm.
func TestTheRoutingOfAnswersIsChecked_DT20(t *testing.T) {
	stranger := ocpi.NewParty("FR", "XXX")
	for name, test := range map[string]struct {
		answer func(asked ocpi.Routing, h http.Header)
		quirks string
		finds  int
	}{
		"swapped":         {func(asked ocpi.Routing, h http.Header) { asked.Reply().Set(h) }, "", 0},
		"nothing":         {func(ocpi.Routing, http.Header) {}, "", 0},
		"not swapped":     {func(asked ocpi.Routing, h http.Header) { asked.Set(h) }, "routing-mismatch", 1},
		"somebody else":   {func(asked ocpi.Routing, h http.Header) { ocpi.Routing{To: asked.From, From: stranger}.Set(h) }, "routing-mismatch", 1},
		"half of a party": {func(_ ocpi.Routing, h http.Header) { h.Set(ocpi.HeaderToCountry, "BE") }, "routing-mismatch", 1},
		"one of the two":  {func(asked ocpi.Routing, h http.Header) { ocpi.Routing{To: asked.From}.Set(h) }, "", 0},
		"in small letters": {func(_ ocpi.Routing, h http.Header) {
			h.Set("ocpi-to-country-code", "be")
			h.Set("ocpi-to-party-id", "tst")
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newRouter(t, ocpiclient.Config{Version: ocpi.V221})
			partner.answer = test.answer
			if _, err := partner.client.EMSP().Tariffs.Put(t.Context(), ocpitest.Network(ours).ACTariff()); err != nil {
				t.Fatal(err)
			}
			if got := partner.exchanges.quirks(); got != test.quirks {
				t.Errorf("quirks %q, want %q", got, test.quirks)
			}
			if findings := partner.exchanges.taken()[0].Findings; len(findings) != test.finds {
				t.Errorf("findings: %v", findings)
			}
		})
	}
	t.Run("whom a hub has found", func(t *testing.T) { // open routing
		partner := newRouter(t, ocpiclient.Config{Version: ocpi.V221})
		partner.answer = func(asked ocpi.Routing, h http.Header) { ocpi.Routing{To: asked.From, From: stranger}.Set(h) }
		ctx := ocpiclient.WithRouting(t.Context(), ocpi.Routing{From: ours})
		if _, err := partner.client.EMSP().Tariffs.Put(ctx, ocpitest.Network(ours).ACTariff()); err != nil {
			t.Fatal(err)
		}
		if got := partner.exchanges.quirks(); got != "" {
			t.Errorf("quirks %q", got)
		}
	})
}
