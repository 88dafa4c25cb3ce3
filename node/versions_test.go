package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// platform is a node of one party that speaks some versions.
func platform(t *testing.T, party ocpi.Party, versions []ocpi.Version, roles ...ocpi.Role) running {
	t.Helper()
	c := config(t)
	c.Parties, c.AllowPrivate, c.Versions = []node.Party{{Party: party, Roles: roles, Name: party.String()}}, true, versions
	c.Exchanges.Unmasked, c.Exchanges.BodySize = true, 1<<20
	return start(t, c)
}

// partnership registers a node with another, under a name on each side.
func partnership(t *testing.T, inviting, joining running, joiner, inviter string, terms handshake.Terms) {
	t.Helper()
	to := invitation(t, inviting, joiner, ocpi.RoleEMSP)
	to.Terms = terms
	h, err := joining.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Register(t.Context(), inviter, to); err != nil {
		t.Fatal(err)
	}
}

// A view is what a node sees of a partner by asking it.
type view struct {
	*testing.T
	client  *ocpiclient.Client
	version ocpi.Version
	// name is the partner's, party its party, and node its node, where the test has it.
	name  string
	party ocpi.Party
	node  running
}

func sees(t *testing.T, n running, partner string, version ocpi.Version) view {
	t.Helper()
	relation, err := n.Partners.Relation(t.Context(), partner)
	if err != nil || relation.Remote.Version != version {
		t.Fatalf("%s speaks %s, want %s: %v", partner, relation.Remote.Version, version, err)
	}
	h, err := n.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := h.Client(t.Context(), partner)
	if err != nil {
		t.Fatal(err)
	}
	return view{T: t, client: client, version: version, name: partner}
}

// has waits until a partner has an object of ours as wanted.
func has[T any](v view, what string, key ocpi.Key, get func(context.Context, ocpi.Key) (T, error), is func(T) bool) {
	v.Helper()
	eventually(v.T, what, func() bool {
		object, err := get(v.Context(), key)
		if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
			v.Fatalf("%s: %v", what, err)
		}
		return err == nil && is(object)
	})
}

// lacks waits until a partner has an object no more.
func lacks[T any](v view, what string, key ocpi.Key, get func(context.Context, ocpi.Key) (T, error)) {
	v.Helper()
	eventually(v.T, what, func() bool {
		_, err := get(v.Context(), key)
		return errors.Is(err, ocpi.ErrNotFound)
	})
}

func ours(id ocpi.CiString) ocpi.Key { return ocpi.Key{Party: own, ID: string(id)} }

// update changes an object of a node's.
func update[T any](t *testing.T, o *object.Own[T], key ocpi.Key, fn func(*T)) {
	t.Helper()
	if err := o.Update(t.Context(), key, func(x *T) error { fn(x); return nil }); err != nil {
		t.Fatal(err)
	}
}

// An audience is the eMSPs that one CPO's node pushes to, each in its version.
type audience []view

// A scenario is something that happens at a CPO, and what its partners then have.
type scenario struct {
	name string
	run  func(t *testing.T, cpo running, partners audience)
}

// minutes is a time after the sample's objects were made.
func minutes(n int) ocpi.DateTime {
	return ocpi.NewDateTime(sample.At.Add(time.Duration(n) * time.Minute))
}

// scenarios are in order: each begins with what the one before has left.
var scenarios = []scenario{
	{"a location is put", func(t *testing.T, cpo running, partners audience) {
		l := sample.Location(1)
		put(t, cpo.Objects.Locations, l)
		for _, p := range partners {
			has(p, "the location", ours(l.ID), p.client.EMSP().Locations.Get, func(got v230.Location) bool {
				return len(got.EVSEs) == len(l.EVSEs) && got.City == l.City
			})
		}
	}},
	{"a status changes", func(t *testing.T, cpo running, partners audience) {
		l := sample.Location(1)
		uid := string(l.EVSEs[0].UID)
		if _, _, err := cpo.Objects.SetStatus(t.Context(), ours(l.ID), uid, v230.StatusBlocked, minutes(1).Time()); err != nil {
			t.Fatal(err)
		}
		for _, p := range partners {
			has(p, "the status", ours(l.ID), func(ctx context.Context, key ocpi.Key) (v230.EVSE, error) {
				return p.client.EMSP().Locations.GetEVSE(ctx, key, uid)
			}, func(got v230.EVSE) bool { return got.Status == v230.StatusBlocked })
		}
	}},
	{"an EVSE changes", func(t *testing.T, cpo running, partners audience) {
		l := sample.Location(1)
		update(t, cpo.Objects.Locations, ours(l.ID), func(l *v230.Location) {
			l.EVSEs[0].PhysicalReference = new("X-1")
			l.EVSEs[0].LastUpdated, l.LastUpdated = minutes(2), minutes(2)
		})
		for _, p := range partners {
			has(p, "the EVSE", ours(l.ID), func(ctx context.Context, key ocpi.Key) (v230.EVSE, error) {
				return p.client.EMSP().Locations.GetEVSE(ctx, key, string(l.EVSEs[0].UID))
			}, func(got v230.EVSE) bool { return got.PhysicalReference != nil && *got.PhysicalReference == "X-1" })
		}
	}},
	{"a tariff is put and deleted", func(t *testing.T, cpo running, partners audience) {
		tariff := sample.Tariff(1)
		put(t, cpo.Objects.Tariffs, tariff)
		for _, p := range partners {
			has(p, "the tariff", ours(tariff.ID), p.client.EMSP().Tariffs.Get, func(got v230.Tariff) bool { return got.Currency == tariff.Currency })
		}
		if err := cpo.Objects.Tariffs.Delete(t.Context(), ours(tariff.ID)); err != nil {
			t.Fatal(err)
		}
		for _, p := range partners {
			lacks(p, "no tariff", ours(tariff.ID), p.client.EMSP().Tariffs.Get)
		}
	}},
	{"a connector changes", aConnectorChanges},
	{"there is what not every version can say", withheldScenario},
	{"everything is pulled", pulledScenario},
	{"a token is sent and asked about", tokenScenario},
	{"a charge is started and stopped from the app", commandScenario},
}

// What happens at a CPO reaches its eMSPs, whatever pair of versions they speak, each in its own.
func TestDataMovesAcrossEveryPairOfVersions(t *testing.T) {
	versions := ocpi.Versions()
	for i, a := range versions {
		for _, b := range versions[i:] {
			t.Run(string(a)+" and "+string(b), func(t *testing.T) {
				if testing.Short() && (a != ocpi.V211 || b != ocpi.V230) {
					t.Skip("-short takes the pair that is furthest apart")
				}
				t.Parallel()
				cpo := platform(t, own, versions, ocpi.RoleCPO)
				var partners audience
				for name, version := range map[string]ocpi.Version{"first": a, "second": b} {
					party := map[string]ocpi.Party{"first": theirs, "second": ocpi.NewParty("BE", "TWO")}[name]
					emsp := platform(t, party, []ocpi.Version{version}, ocpi.RoleEMSP)
					partnership(t, cpo, emsp, name, "cpo", handshake.Terms{Role: ocpi.RoleCPO})
					v := sees(t, cpo, name, version)
					v.party, v.node = party, emsp
					partners = append(partners, v)
				}
				for _, s := range scenarios {
					if !t.Run(s.name, func(t *testing.T) { s.run(t, cpo, within(t, partners)) }) {
						return
					}
				}
				spoken := inItsOwnWords(t, cpo)
				for _, p := range partners {
					inItsOwnWords(t, p.node)
					if spoken[p.version] == 0 {
						t.Errorf("nothing was said in %s", p.version)
					}
				}
			})
		}
	}
}

// within are the same views for a test inside another.
func within(t *testing.T, partners audience) audience {
	var inner audience
	for _, p := range partners {
		p.T = t
		inner = append(inner, p)
	}
	return inner
}

// A session grows and ends, and its CDR comes once, in every version.
func TestASessionAndItsCDRInEveryVersion(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			cpo := platform(t, own, ocpi.Versions(), ocpi.RoleCPO)
			emsp := platform(t, theirs, []ocpi.Version{version}, ocpi.RoleEMSP)
			partnership(t, cpo, emsp, "greenwheels", "cpo", handshake.Terms{Role: ocpi.RoleCPO})
			eMSP := sees(t, cpo, "greenwheels", version)
			put(t, cpo.Objects.Locations, sample.Locations()...)
			settled(t, cpo.Data, ocpi.ModuleLocations)
			s := sample.ActiveSession()
			put(t, cpo.Objects.Sessions, s)
			get := eMSP.client.EMSP().Sessions.Get
			has(eMSP, "the session begins", ours(s.ID), get, func(got v230.Session) bool { return got.Status == s.Status })
			kwh := ocpi.MustNumber("20.5")
			update(t, cpo.Objects.Sessions, ours(s.ID), func(s *v230.Session) {
				s.KWh, s.LastUpdated = kwh, ocpi.NewDateTime(s.LastUpdated.Time().Add(time.Minute))
			})
			has(eMSP, "the session grows", ours(s.ID), get, func(got v230.Session) bool { return got.KWh.Equal(kwh) })
			update(t, cpo.Objects.Sessions, ours(s.ID), func(s *v230.Session) {
				s.LastUpdated = ocpi.NewDateTime(s.LastUpdated.Time().Add(time.Minute))
				s.Status, s.EndDateTime = v230.SessionStatusCompleted, &s.LastUpdated
			})
			has(eMSP, "the session ends", ours(s.ID), get, func(got v230.Session) bool { return got.Status == v230.SessionStatusCompleted })
			put(t, cpo.Objects.CDRs, sample.CDR(1))
			if lane := settled(t, cpo.Data, ocpi.ModuleCDRs); lane.LastError != "" {
				t.Error(lane.LastError)
			}
			eventually(t, "the CDR is sent", func() bool { return laneOf(t, cpo.Data, ocpi.ModuleCDRs).Sent == 1 })
		})
	}
}
