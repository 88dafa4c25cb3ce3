package node_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A move is two nodes that have registered in 2.1.1, with more than 2.1.1 can say.
type move struct {
	*testing.T
	cpo, emsp       running
	cpoData         string
	cpoName         string
	emspName        string
	private, public v230.Location
	credit, charge  v230.CDR
	session         v230.Session
	token           v230.Token
}

func newMove(t *testing.T) *move {
	t.Helper()
	m := registeredBefore(t)
	m.fill()
	return m
}

// registeredBefore are the nodes before there is anything to tell.
func registeredBefore(t *testing.T) *move {
	t.Helper()
	m := &move{T: t, cpoName: "grenspaal", emspName: emsp}
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate, c.Versions = []ocpi.Role{ocpi.RoleCPO}, true, ocpi.Versions()
	m.cpoData, m.cpo = c.Data, start(t, c)
	m.emsp = platform(t, theirs, ocpi.Versions(), ocpi.RoleEMSP)
	partnership(t, m.cpo, m.emsp, m.emspName, m.cpoName, handshake.Terms{Role: ocpi.RoleCPO, Pin: ocpi.V211})

	m.public, m.private = sample.Location(3), sample.Location(2)
	m.public.HelpPhone = new(ocpi.CiString("+31201234567"))
	m.public.ParkingPlaces = []v230.Parking{{ID: "P1", VehicleTypes: []v230.VehicleType{v230.VehicleTypePersonalVehicle}}}
	m.private.Publish = false
	m.private.PublishAllowedTo = []v230.PublishTokenType{{GroupID: new(ocpi.CiString("STAFF"))}}
	m.charge, m.credit = sample.CDR(1), sample.CDR(1)
	m.credit.ID, m.credit.Credit, m.credit.CreditReferenceID = "CDR1-CREDIT", new(true), &m.charge.ID
	m.credit.TotalCost.BeforeTaxes = ocpi.MustNumber("-" + m.charge.TotalCost.BeforeTaxes.String())
	m.session = sample.ActiveSession()
	m.token = ocpitest.Network(theirs).Token(1)
	m.token.GroupID, m.token.DefaultProfileType = new(ocpi.CiString("FAMILY")), new(v230.ProfileTypeGreen)

	return m
}

// fill gives both sides their objects.
func (m *move) fill() {
	m.Helper()
	put(m.T, m.cpo.Objects.Locations, m.public, m.private)
	put(m.T, m.cpo.Objects.Tariffs, sample.Tariffs()...)
	put(m.T, m.cpo.Objects.Sessions, m.session)
	put(m.T, m.cpo.Objects.CDRs, m.charge, m.credit)
	if _, err := m.emsp.Objects.Tokens.Put(m.Context(), object.Item[v230.Token]{Party: theirs, Object: m.token}); err != nil {
		m.Fatal(err)
	}
}

// to has the eMSP move to a version by PUT of its credentials.
func (m *move) to(version ocpi.Version) {
	m.Helper()
	h, err := m.emsp.Registration(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	before := m.relation(m.emsp, m.cpoName)
	if err := h.Change(m.Context(), m.cpoName, func(terms *handshake.Terms) { terms.Pin = version }); err != nil {
		m.Fatal(err)
	}
	if err := h.Update(m.Context(), m.cpoName); err != nil {
		m.Fatal(err)
	}
	after := m.relation(m.emsp, m.cpoName)
	if after.Remote.Version != version || !after.Since.Equal(before.Since) || after.Outbound[0].Token == before.Outbound[0].Token {
		m.Fatalf("it speaks %s, want %s, since %s, was %s; or the token is the same", after.Remote.Version, version, after.Since, before.Since)
	}
}

func (m *move) relation(n running, name string) handshake.Relation {
	m.Helper()
	relation, err := n.Partners.Relation(m.Context(), name)
	if err != nil {
		m.Fatal(err)
	}
	return relation
}

// atEMSP is what the eMSP has of the CPO's, as the CPO can see it, and atCPO the other way round.
func (m *move) atEMSP(version ocpi.Version) view { return sees(m.T, m.cpo, m.emspName, version) }
func (m *move) atCPO(version ocpi.Version) view  { return sees(m.T, m.emsp, m.cpoName, version) }

// grows has the session go on, and waits until the eMSP has that.
func (m *move) grows(version ocpi.Version, kwh string, after int, status v230.SessionStatus) {
	m.Helper()
	energy := ocpi.MustNumber(kwh)
	update(m.T, m.cpo.Objects.Sessions, ours(m.session.ID), func(s *v230.Session) {
		s.KWh, s.Status, s.LastUpdated = energy, status, minutes(after)
		if status == v230.SessionStatusCompleted {
			s.EndDateTime = &s.LastUpdated
		}
	})
	v := m.atEMSP(version)
	has(v, "the session goes on", ours(m.session.ID), v.client.EMSP().Sessions.Get, func(s v230.Session) bool {
		return s.KWh.Equal(energy) && s.Status == status && s.ID == m.session.ID
	})
}

// hasAll checks that the eMSP has everything that its version can say.
func (m *move) hasAll(version ocpi.Version) {
	m.Helper()
	v := m.atEMSP(version)
	e := v.client.EMSP()
	has(v, "the public location", ours(m.public.ID), e.Locations.Get, func(l v230.Location) bool {
		return len(l.EVSEs) == len(m.public.EVSEs) && (version != ocpi.V230 || l.HelpPhone != nil && len(l.ParkingPlaces) == 1)
	})
	for _, tariff := range sample.Tariffs() {
		has(v, "a tariff", ours(tariff.ID), e.Tariffs.Get, func(got v230.Tariff) bool { return len(got.Elements) == len(tariff.Elements) })
	}
	find := func(ctx context.Context, key ocpi.Key) (v230.CDR, error) {
		cdr, _, err := e.CDRs.Find(ctx, key)
		return cdr, err
	}
	has(v, "the CDR", ours(m.charge.ID), find, func(c v230.CDR) bool { return c.TotalCost.BeforeTaxes.Equal(m.charge.TotalCost.BeforeTaxes) })
	c := m.atCPO(version)
	has(c, "the token", ocpi.Key{Party: theirs, ID: string(m.token.UID), TokenType: string(m.token.Type)}, c.client.CPO().Tokens.Get,
		func(got v230.Token) bool {
			return version == ocpi.V211 || got.GroupID != nil && got.DefaultProfileType != nil
		})
	if version == ocpi.V211 {
		return
	}
	has(v, "the private location", ours(m.private.ID), e.Locations.Get, func(l v230.Location) bool {
		return !l.Publish && len(l.PublishAllowedTo) == 1
	})
	has(v, "the credit", ours(m.credit.ID), find, func(c v230.CDR) bool {
		return c.Credit != nil && *c.Credit && c.CreditReferenceID != nil && *c.CreditReferenceID == m.charge.ID
	})
}

// withheld checks that the eMSP has nothing of what 2.1.1 cannot say.
func (m *move) withheld() {
	m.Helper()
	if _, err := m.receivedCDR(m.credit.ID); err == nil {
		m.Error("2.1.1 has got the credit")
	}
}

// receivedCDR is a CDR as the eMSP has stored it.
func (m *move) receivedCDR(id ocpi.CiString) (v230.CDR, error) {
	v := m.atEMSP(m.relation(m.cpo, m.emspName).Remote.Version)
	cdr, _, err := v.client.EMSP().CDRs.Find(m.Context(), ours(id))
	return cdr, err
}

// quiet waits until no lane of either side has anything to do.
func (m *move) quiet() {
	m.Helper()
	for module, n := range map[ocpi.ModuleID]running{
		ocpi.ModuleLocations: m.cpo, ocpi.ModuleTariffs: m.cpo, ocpi.ModuleSessions: m.cpo, ocpi.ModuleCDRs: m.cpo, ocpi.ModuleTokens: m.emsp,
	} {
		if lane := settled(m.T, n.Data, module); len(lane.Parked) > 0 || !lane.WaitsUntil.IsZero() {
			m.Errorf("%s: %+v", module, lane)
		}
	}
}

// posts are the CDRs that the CPO has posted, by id, since the beginning.
func (m *move) posts() map[string]int {
	m.Helper()
	time.Sleep(300 * time.Millisecond) // until all is recorded
	log, err := sqlitelog.OpenReader(m.Context(), node.ExchangeFile(m.cpoData))
	if err != nil {
		m.Fatal(err)
	}
	defer log.Close()
	records, err := log.List(m.Context(), exchange.Filter{Module: ocpi.ModuleCDRs, Direction: ocpi.Outbound})
	if err != nil {
		m.Fatal(err)
	}
	posts := map[string]int{}
	for _, r := range records {
		if r.Method == http.MethodPost {
			posts[r.Object]++
		}
	}
	return posts
}

// A partner that upgrades by PUT moves over without losing an object, a cursor or a running session, and gets what its
// version before could not say; CDRs are not posted twice (requirement C-12).
func TestAPartnerThatUpgradesByPutLosesNothing_C12(t *testing.T) {
	t.Parallel()
	m := newMove(t)
	m.hasAll(ocpi.V211)
	m.grows(ocpi.V211, "20.5", 1, v230.SessionStatusActive)
	m.quiet()
	m.withheld()
	eventually(t, "all was pulled", func() bool { return !pullOf(t, m.emsp, ocpi.ModuleLocations).LastFull.IsZero() })
	cursor := pullOf(t, m.emsp, ocpi.ModuleLocations).Cursor
	for i, version := range []ocpi.Version{ocpi.V221, ocpi.V230, ocpi.V211, ocpi.V230} {
		m.to(version)
		m.grows(version, []string{"21", "22", "23", "24"}[i], 2+i, v230.SessionStatusActive)
		m.hasAll(version)
		m.quiet()
		if now := pullOf(t, m.emsp, ocpi.ModuleLocations); now.Cursor.Before(cursor) || now.LastError != "" {
			t.Errorf("in %s pulls are at %s, were at %s: %s", version, now.Cursor, cursor, now.LastError)
		}
	}
	m.grows(ocpi.V230, "25", 10, v230.SessionStatusCompleted)
	m.quiet()
	if got := m.posts(); got["CDR1"] != 1 || got["CDR1-CREDIT"] != 1 {
		t.Errorf("CDRs were posted so often: %v", got)
	}
}

// unpushed has neither side push anything.
func (m *move) unpushed() {
	m.Helper()
	for name, n := range map[string]running{m.emspName: m.cpo, m.cpoName: m.emsp} {
		if err := n.Partners.ChangePolicy(m.Context(), name, func(p *partner.Policy) error { p.Push.Off = true; return nil }); err != nil {
			m.Fatal(err)
		}
	}
	eventually(m.T, "there are no lanes", func() bool {
		for _, n := range []running{m.cpo, m.emsp} {
			if lanes, err := n.Pushes(m.Context()); err != nil || len(lanes) > 0 {
				return false
			}
		}
		return true
	})
}

// pulled pulls everything now, of both sides.
func (m *move) pulled() {
	m.Helper()
	for module, n := range map[ocpi.ModuleID]running{
		ocpi.ModuleLocations: m.emsp, ocpi.ModuleTariffs: m.emsp, ocpi.ModuleSessions: m.emsp, ocpi.ModuleCDRs: m.emsp, ocpi.ModuleTokens: m.cpo,
	} {
		name := m.cpoName
		if module == ocpi.ModuleTokens {
			name = m.emspName
		}
		if _, err := againFrom(m.T, n, name, module, true); err != nil {
			m.Fatal(err)
		}
	}
}

// Where nothing is pushed the same is pulled: everything once, because what the version before could not say has no new time.
func TestAPartnerThatUpgradesIsPulledFromOnce_C12(t *testing.T) {
	m := registeredBefore(t)
	m.unpushed()
	m.fill()
	m.pulled()
	m.hasAll(ocpi.V211)
	m.withheld()
	cursor := pullOf(t, m.emsp, ocpi.ModuleCDRs).Cursor
	m.to(ocpi.V230)
	m.hasAll(ocpi.V230)
	if now := pullOf(t, m.emsp, ocpi.ModuleCDRs); now.Cursor.Before(cursor) {
		t.Errorf("pulls are at %s, were at %s", now.Cursor, cursor)
	}
}
