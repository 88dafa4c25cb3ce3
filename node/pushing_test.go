package node_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var theirs = ocpi.NewParty("DE", "GWH")

// sample is what the node has.
var sample = ocpitest.Sample{CPO: own, EMSP: theirs, At: time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)}

const emsp = "greenwheels"

// cpo is a CPO's node with an eMSP registered.
func cpo(t *testing.T, change func(*node.Config)) (running, *ocpitest.Partner) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate = []ocpi.Role{ocpi.RoleCPO}, true
	if change != nil {
		change(&c)
	}
	n := start(t, c)
	return n, registered(t, n, emsp, theirs)
}

// registered is an eMSP that has registered with a node.
func registered(t *testing.T, n running, name string, party ocpi.Party) *ocpitest.Partner {
	t.Helper()
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: party, Roles: []ocpi.Role{ocpi.RoleEMSP}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	register(t, n, p, name, ocpi.RoleEMSP)
	return p
}

// invitation is one of a node's, for a partner in a role.
func invitation(t *testing.T, n running, name string, role ocpi.Role) handshake.Invitation {
	t.Helper()
	h, err := n.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokenA, err := h.Invite(t.Context(), name, handshake.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	url, err := n.VersionsURL(t.Context(), role)
	if err != nil {
		t.Fatal(err)
	}
	return handshake.Invitation{VersionsURL: url, Token: tokenA}
}

// register has a partner register with a node.
func register(t *testing.T, n running, p *ocpitest.Partner, name string, role ocpi.Role) {
	t.Helper()
	to := invitation(t, n, name, role)
	if err := p.Register(t.Context(), to.VersionsURL, to.Token); err != nil {
		t.Fatal(err)
	}
}

// awaited are the first requests that match.
func awaited(t *testing.T, p *ocpitest.Partner, n int, match ocpitest.Match) []ocpitest.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	requests, err := p.Wait(ctx, n, match)
	if err != nil {
		t.Fatalf("%v; lanes: %+v", err, requests)
	}
	return requests
}

// eventually waits until something is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within 20 s: %s", what)
}

// settled waits until a lane has nothing before it, and returns it.
func settled(t *testing.T, n *node.Data, module ocpi.ModuleID) push.Status {
	t.Helper()
	var lane push.Status
	eventually(t, fmt.Sprintf("the lane of %s has nothing to do", module), func() bool {
		lane = laneOf(t, n, module)
		return lane.Backlog == 0 && len(lane.Held) == 0
	})
	return lane
}

func laneOf(t *testing.T, n *node.Data, module ocpi.ModuleID) push.Status {
	t.Helper()
	lanes, err := n.Pushes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(lanes, func(s push.Status) bool { return s.Module == module })
	if i < 0 {
		t.Fatalf("there is no lane for %s: %+v", module, lanes)
	}
	return lanes[i]
}

// known puts a location into the node, and waits until the partner has it.
func known(t *testing.T, n running, p *ocpitest.Partner) v230.Location {
	t.Helper()
	l := sample.Location(1)
	put(t, n.Objects.Locations, l)
	awaited(t, p, 1, ocpitest.Calls(http.MethodPut, ocpi.ModuleLocations))
	settled(t, n.Data, ocpi.ModuleLocations)
	p.Forget()
	return l
}

func change[T any](t *testing.T, own *object.Own[T], id string, fn func(*T)) {
	t.Helper()
	err := own.Update(t.Context(), ocpi.Key{Party: sample.CPO, ID: id}, func(o *T) error {
		fn(o)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each change goes out as the smallest message that says it (requirements L-10, L-14, L-15, L-20).
func TestEachChangeIsTheSmallestMessage(t *testing.T) {
	at := ocpi.NewDateTime(sample.At.Add(time.Hour))
	for name, tt := range map[string]struct {
		change func(*v230.Location)
		method string
		// path is what follows the id of the location.
		path func(l v230.Location) string
		body string
	}{
		"the status of an EVSE": {
			change: func(l *v230.Location) {
				l.EVSEs[0].Status, l.EVSEs[0].LastUpdated, l.LastUpdated = v230.StatusInoperative, at, at
			},
			method: http.MethodPatch, path: func(l v230.Location) string { return "/" + string(l.EVSEs[0].UID) },
			body: `{"status":"INOPERATIVE","last_updated":"2026-11-23T13:00:00Z"}`,
		},
		"a status that is out of order": {
			change: func(l *v230.Location) {
				l.EVSEs[0].Status, l.EVSEs[0].LastUpdated, l.LastUpdated = v230.StatusOutOfOrder, at, at
			},
			method: http.MethodPatch, path: func(l v230.Location) string { return "/" + string(l.EVSEs[0].UID) },
			body: `{"status":"OUTOFORDER","last_updated":"2026-11-23T13:00:00Z"}`,
		},
		"something else of an EVSE": {
			change: func(l *v230.Location) {
				l.EVSEs[0].PhysicalReference, l.EVSEs[0].LastUpdated, l.LastUpdated = new("B2"), at, at
			},
			method: http.MethodPut, path: func(l v230.Location) string { return "/" + string(l.EVSEs[0].UID) },
		},
		"a connector": {
			change: func(l *v230.Location) {
				n := &l.EVSEs[0].Connectors[0]
				n.TermsAndConditions, n.LastUpdated, l.EVSEs[0].LastUpdated, l.LastUpdated = new("https://example.com/terms"), at, at, at
			},
			method: http.MethodPut, path: func(l v230.Location) string {
				return "/" + string(l.EVSEs[0].UID) + "/" + string(l.EVSEs[0].Connectors[0].ID)
			},
		},
		"the location": {
			change: func(l *v230.Location) { l.Address, l.LastUpdated = "Another street 1", at },
			method: http.MethodPut, path: func(v230.Location) string { return "" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, p := cpo(t, nil)
			l := known(t, n, p)
			change(t, n.Objects.Locations, string(l.ID), tt.change)
			settled(t, n.Data, ocpi.ModuleLocations)
			requests := awaited(t, p, 1, ocpitest.Calls("", ocpi.ModuleLocations))
			if len(requests) != 1 || requests[0].Method != tt.method || !strings.HasSuffix(requests[0].URL.Path, "/"+string(l.ID)+tt.path(l)) {
				t.Fatalf("%d requests, the first %s %s", len(requests), requests[0].Method, requests[0].URL)
			}
			if tt.body != "" && string(requests[0].Body) != tt.body {
				t.Errorf("body %s, want %s", requests[0].Body, tt.body)
			}
		})
	}
}

// What is written again as it was is no change (pains row 7).
func TestWhatIsTheSameIsNotPushed(t *testing.T) {
	n, p := cpo(t, nil)
	l := known(t, n, p)
	put(t, n.Objects.Locations, l)
	change(t, n.Objects.Locations, string(l.ID), func(l *v230.Location) { l.City = "Elsewhere" })
	requests := awaited(t, p, 1, ocpitest.Calls("", ocpi.ModuleLocations))
	if len(requests) != 1 || !strings.Contains(string(requests[0].Body), "Elsewhere") {
		t.Errorf("%d requests", len(requests))
	}
}

// A PATCH of what the partner does not find: it is asked, and gets all of it (requirement TF-41).
func TestWhatThePartnerDoesNotFindIsPutWhole(t *testing.T) {
	n, p := cpo(t, nil)
	l := known(t, n, p)
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodPatch, ocpi.ModuleLocations), Do: ocpitest.Status(http.StatusNotFound, ocpi.StatusUnknownLocation)})
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Status(http.StatusNotFound, ocpi.StatusUnknownLocation)})
	key := ocpi.Key{Party: own, ID: string(l.ID)}
	if _, _, err := n.Objects.SetStatus(t.Context(), key, string(l.EVSEs[0].UID), v230.StatusBlocked, time.Now()); err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, r := range awaited(t, p, 3, ocpitest.Calls("", ocpi.ModuleLocations)) {
		methods = append(methods, r.Method)
	}
	if got := strings.Join(methods, " "); got != "PATCH GET PUT" {
		t.Error(got)
	}
}

// A session is PUT once, then PATCHed with what differs, in order (requirement SES-08).
func TestSessionsArePutThenPatched(t *testing.T) {
	n, p := cpo(t, nil)
	put(t, n.Objects.Locations, sample.Locations()...)
	s := sample.ActiveSession()
	put(t, n.Objects.Sessions, s)
	awaited(t, p, 1, ocpitest.Calls(http.MethodPut, ocpi.ModuleSessions))
	settled(t, n.Data, ocpi.ModuleSessions)
	for i := range 5 {
		change(t, n.Objects.Sessions, string(s.ID), func(s *v230.Session) {
			s.KWh, s.LastUpdated = ocpi.NumberOf(int64(100+i)), ocpi.NewDateTime(sample.At.Add(time.Duration(i)*time.Minute))
		})
		settled(t, n.Data, ocpi.ModuleSessions)
	}
	requests := p.Requests(ocpitest.Calls("", ocpi.ModuleSessions))
	if len(requests) != 6 {
		t.Fatalf("%d requests", len(requests))
	}
	for i, r := range requests[1:] {
		if want := fmt.Sprintf(`"kwh":%d}`, 100+i); r.Method != http.MethodPatch || !strings.Contains(strings.ReplaceAll(string(r.Body), " ", ""), fmt.Sprintf(`"kwh":%d`, 100+i)) {
			t.Errorf("%s %s, want %s", r.Method, r.Body, want)
		}
	}
}

// A CDR whose answer is lost is asked for, and not posted again (requirement CDR-08).
func TestACDRIsPostedOnce(t *testing.T) {
	for name, fault := range map[string]ocpitest.Action{
		"its answer is lost":       ocpitest.LostResponse(),
		"its answer is broken":     ocpitest.TruncatedJSON(),
		"its answer is an error":   ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) { a.HTTP = http.StatusInternalServerError }),
		"its connection is cut":    ocpitest.CutConnection(),
		"the partner is too busy":  ocpitest.TooManyRequests("1"),
		"the partner is not there": ocpitest.ServerError(http.StatusServiceUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, p := cpo(t, func(c *node.Config) { c.Push.Backoff.Settle = 2 * time.Second })
			put(t, n.Objects.Locations, sample.Locations()...)
			p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodPost, ocpi.ModuleCDRs), Times: 1, Do: fault})
			put(t, n.Objects.CDRs, sample.CDR(1))
			eventually(t, "the CDR is there", func() bool { return laneOf(t, n.Data, ocpi.ModuleCDRs).Sent > 0 })
			settled(t, n.Data, ocpi.ModuleCDRs)
			posts, reached := p.Requests(ocpitest.Calls(http.MethodPost, ocpi.ModuleCDRs)), len(p.EMSP.CDRs.From(ocpitest.PeerID))
			arrived := strings.HasPrefix(name, "its answer")
			if reached != 1 || arrived && len(posts) != 1 {
				t.Errorf("%d CDRs there after %d posts", reached, len(posts))
			}
			if !arrived && strings.HasPrefix(name, "its") {
				if asked := p.Requests(ocpitest.Calls(http.MethodGet, ocpi.ModuleCDRs)); len(asked) == 0 {
					t.Error("it was posted again without asking")
				}
			}
		})
	}
}

// A CDR is money: one that the partner refuses is tried until it is taken, and is never parked.
func TestACDRIsPostedUntilItIsTaken(t *testing.T) {
	n, p := cpo(t, func(c *node.Config) {
		c.Push.Backoff = push.Backoff{First: time.Millisecond, Longest: 10 * time.Millisecond, LongestHeld: 10 * time.Millisecond}
	})
	put(t, n.Objects.Locations, sample.Locations()...)
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodPost, ocpi.ModuleCDRs), Times: 20, Do: ocpitest.OCPIError(ocpi.StatusInvalidParameters)})
	put(t, n.Objects.CDRs, sample.CDR(1))
	awaited(t, p, 5, ocpitest.Calls(http.MethodPost, ocpi.ModuleCDRs))
	if lane := laneOf(t, n.Data, ocpi.ModuleCDRs); len(lane.Parked) > 0 {
		t.Errorf("parked: %+v", lane.Parked)
	}
	awaited(t, p, 21, ocpitest.Calls(http.MethodPost, ocpi.ModuleCDRs))
	settled(t, n.Data, ocpi.ModuleCDRs)
	if reached := len(p.EMSP.CDRs.From(ocpitest.PeerID)); reached != 1 {
		t.Errorf("%d CDRs are there", reached)
	}
}

// An object that the partner keeps refusing is parked with the reason, the others go on, and a person can have it tried
// again.
func TestWhatIsRefusedIsParked(t *testing.T) {
	t.Parallel()
	n, p := cpo(t, func(c *node.Config) { c.Push.Backoff = push.Backoff{First: 10 * time.Millisecond} })
	bad, good := sample.Tariff(1), sample.Tariff(2)
	p.Mean(ocpitest.Fault{On: ocpitest.Paths(string(bad.ID)), Do: ocpitest.OCPIError(ocpi.StatusInvalidParameters)})
	put(t, n.Objects.Tariffs, bad, good)
	var lane push.Status
	eventually(t, "one is parked", func() bool { lane = laneOf(t, n.Data, ocpi.ModuleTariffs); return len(lane.Parked) == 1 })
	if got := lane.Parked[0]; got.ID != string(bad.ID) || !strings.Contains(got.Reason, "2001") {
		t.Errorf("%+v", got)
	}
	awaited(t, p, 1, ocpitest.Paths(string(good.ID)))
	if metrics := metricsOf(t, n); !strings.Contains(metrics, `roamwire_push_parked{module="tariffs",partner="`+emsp+`"} 1`) {
		t.Error("the metrics do not tell")
	}
	p.Nice()
	if tried, err := n.RetryPushes(t.Context(), emsp, "", ""); tried != 1 || err != nil {
		t.Errorf("%d %v", tried, err)
	}
	eventually(t, "none is parked", func() bool { return len(laneOf(t, n.Data, ocpi.ModuleTariffs).Parked) == 0 })
}

// A tariff that is gone is deleted there (requirement TAR-04).
func TestATariffThatIsGoneIsDeleted(t *testing.T) {
	n, p := cpo(t, nil)
	tariff := sample.Tariff(1)
	put(t, n.Objects.Tariffs, tariff)
	awaited(t, p, 1, ocpitest.Calls(http.MethodPut, ocpi.ModuleTariffs))
	if err := n.Objects.Tariffs.Delete(t.Context(), ocpi.Key{Party: own, ID: string(tariff.ID)}); err != nil {
		t.Fatal(err)
	}
	awaited(t, p, 1, ocpitest.Calls(http.MethodDelete, ocpi.ModuleTariffs))
}

// A partner that was away gets each object once, in its present state, and the node remembers across its own restart that
// the partner was away.
func TestAPartnerThatWasAwayGetsWhatIsTrueNow(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate = []ocpi.Role{ocpi.RoleCPO}, true
	c.Push.Backoff = push.Backoff{First: 50 * time.Millisecond, Longest: 200 * time.Millisecond}
	c.Listen = "127.0.0.1:0"
	n := start(t, c)
	p := registered(t, n, emsp, theirs)
	l := known(t, n, p)
	p.Mean(ocpitest.Fault{Do: ocpitest.ServerError(http.StatusServiceUnavailable)})
	key, uid := ocpi.Key{Party: own, ID: string(l.ID)}, string(l.EVSEs[0].UID)
	for i := range 100 {
		status := []v230.Status{v230.StatusCharging, v230.StatusAvailable}[i%2]
		if _, _, err := n.Objects.SetStatus(t.Context(), key, uid, status, time.Now().Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	eventually(t, "the lane waits", func() bool { return !laneOf(t, n.Data, ocpi.ModuleLocations).WaitsUntil.IsZero() })
	if _, _, err := n.Objects.SetStatus(t.Context(), key, uid, v230.StatusBlocked, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n = start(t, c)
	p.Nice()
	p.Forget()
	settled(t, n.Data, ocpi.ModuleLocations)
	requests := p.Requests(ocpitest.Calls("", ocpi.ModuleLocations))
	if len(requests) == 0 || len(requests) > 3 || !strings.Contains(string(requests[len(requests)-1].Body), `BLOCKED`) {
		t.Errorf("%d requests", len(requests))
	}
}

// A partner that does not answer holds nobody else up.
func TestADeadPartnerHurtsOnlyItself(t *testing.T) {
	n, p := cpo(t, nil)
	l := known(t, n, p)
	dead := registered(t, n, "dead", ocpi.NewParty("FR", "DED"))
	dead.Mean(ocpitest.Fault{Do: ocpitest.NeverAnswer()})
	for i := range 20 {
		began := time.Now()
		status := []v230.Status{v230.StatusCharging, v230.StatusAvailable}[i%2]
		if _, _, err := n.Objects.SetStatus(t.Context(), ocpi.Key{Party: own, ID: string(l.ID)}, string(l.EVSEs[0].UID), status, sample.At.Add(time.Duration(i+1)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		awaited(t, p, i+1, ocpitest.Calls(http.MethodPatch, ocpi.ModuleLocations))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	}
}

// Pushes are as the policy says.
func TestPushesFollowThePolicy(t *testing.T) {
	t.Parallel()
	n, p := cpo(t, nil)
	err := n.Partners.ChangePolicy(t.Context(), emsp, func(policy *partner.Policy) error {
		policy.Push.Except, policy.Push.Whole = []ocpi.ModuleID{ocpi.ModuleTariffs}, true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is no lane for tariffs", func() bool {
		lanes, err := n.Pushes(t.Context())
		return err == nil && !slices.ContainsFunc(lanes, func(s push.Status) bool { return s.Module == ocpi.ModuleTariffs })
	})
	time.Sleep(1500 * time.Millisecond) // the lanes are looked after every second
	l := known(t, n, p)
	put(t, n.Objects.Tariffs, sample.Tariff(1))
	if _, _, err := n.Objects.SetStatus(t.Context(), ocpi.Key{Party: own, ID: string(l.ID)}, string(l.EVSEs[0].UID), v230.StatusBlocked, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r := awaited(t, p, 1, ocpitest.Calls("", ocpi.ModuleLocations)); r[0].Method != http.MethodPut {
		t.Error(r[0].Method)
	}
	if r := p.Requests(ocpitest.Calls("", ocpi.ModuleTariffs)); len(r) != 0 {
		t.Errorf("%d requests about tariffs", len(r))
	}
}

// What two nodes of ours tell each other arrives as it was written.
func TestTwoNodesAgree(t *testing.T) {
	t.Parallel()
	a := config(t)
	a.Parties[0].Roles, a.AllowPrivate = []ocpi.Role{ocpi.RoleCPO}, true
	b := config(t)
	b.Parties, b.AllowPrivate = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}, true
	cpo, emspNode := start(t, a), start(t, b)
	joined(t, cpo, emspNode)
	put(t, cpo.Objects.Locations, sample.Locations()...)
	put(t, cpo.Objects.Tariffs, sample.Tariffs()...)
	put(t, cpo.Objects.Sessions, sample.Sessions()...)
	put(t, cpo.Objects.CDRs, sample.CDRs()...)
	for _, module := range []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs} {
		if lane := settled(t, cpo.Data, module); lane.Sent == 0 || lane.LastError != "" {
			raw, _ := json.Marshal(&lane)
			t.Errorf("%s", raw)
		}
	}
}
