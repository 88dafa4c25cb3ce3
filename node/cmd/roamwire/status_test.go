package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
)

var statusAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return statusAt.Add(-d) }

// Each line says in one look whether a person is needed.
func TestStatusInWords(t *testing.T) {
	emsp := node.Status{
		Partner: "greenwheels", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.Party{CountryCode: "NL", PartyID: "GWH"}}},
		Version: "2.1.1", State: "registered", Words: "registered",
		Push: []push.Status{
			{Module: "locations", Cursor: 812, Sent: 640, LastSuccess: before(3 * time.Second)},
			{Module: "tariffs"},
			{
				Module: "sessions", Cursor: 700, Backlog: 12, Oldest: before(150 * time.Second), Sent: 3, LastSuccess: before(4 * time.Hour),
				Failures: 5, WaitsUntil: statusAt.Add(time.Minute), LastError: "PUT /sessions/1: HTTP 503", LastFailure: before(time.Second),
			},
			{
				Module: "cdrs", Cursor: 812, Oldest: before(2 * time.Hour), Held: []push.Held{{ID: "C1", Due: statusAt.Add(time.Hour), Failed: before(2 * time.Hour)}},
				Parked: []push.Held{{ID: "C2", Reason: "HTTP 200, 2001: no\n\x1b[2Jtariff"}}, LastError: "POST /cdrs: HTTP 400", LastFailure: before(2 * time.Hour),
			},
			{Module: "commands", Cursor: 812, LastError: "PUT: HTTP 500", LastFailure: before(70 * time.Minute)},
		},
		Pull: []pull.State{
			{Module: "tokens", LastFull: before(7 * time.Hour), List: pull.List{Objects: 120}, LastDelta: before(4 * time.Minute), Cursor: before(time.Hour), Due: statusAt.Add(52 * time.Minute)},
			{
				Module: "sessions", LastFull: before(7 * time.Hour), List: pull.List{Objects: 2, IgnoresDateFrom: true}, LastError: "GET: no answer", LastFailure: before(time.Minute), Failures: 3,
				Last: pull.Counts{Refused: 2}, Problems: []pull.Problem{{ID: "S1", Reason: "no kwh"}},
			},
			{Module: "cdrs", Due: statusAt.Add(-time.Minute), Mixed: true},
			{
				Module: "locations", LastFull: before(7 * time.Hour), FullFailures: 2, FullError: "GET: HTTP 500",
				List: pull.List{Objects: 8, ShortDelta: pull.Short{Lists: 6, Missing: 5, Total: 8}, Shrunk: pull.Shrunk{From: 40, Pulls: 1}},
			},
			{
				Module: "tariffs", LastFull: before(7 * time.Hour), List: pull.List{Objects: 8, Unproven: "the list had 7 different objects, and its total was 8"},
				Problems: []pull.Problem{{ID: "T1", Reason: "no currency"}},
			},
		},
	}
	failed := node.Status{Partner: "bolt", State: "invited", Words: "invited, their registration failed at step 2: refused", Failure: "refused", PushOff: "the partner is not registered", PullOff: "the partner is not registered"}
	var out strings.Builder
	printStatus(&out, []node.Status{emsp, failed}, statusAt)
	const want = `
  greenwheels: NL/GWH EMSP, OCPI 2.1.1, registered
    push locations  up to date; 640 sent, the last 3 s ago; at change 812
    push tariffs    up to date; at change 0
!   push sessions   12 waiting, the oldest for 2 min; 3 sent, the last 4 h ago; at change 700; waits for the partner, which is asked again at 2026-03-02T12:01:00Z after 5 failures; last failure: PUT /sessions/1: HTTP 503
!   push cdrs       1 waiting, the oldest for 2 h; at change 812; last failure: POST /cdrs: HTTP 400; 1 parked, such as C2: HTTP 200, 2001: no \u001b[2Jtariff
    push commands   up to date; at change 812; last failure 1 h ago
    pull tokens     everything 7 h ago, 120 objects; what is new 4 min ago; up to 2026-03-02T11:00:00Z; next in 52 min
!   pull sessions   everything 7 h ago, 2 objects; the partner ignores date_from; 2 not stored, such as S1: no kwh; failed 3 times, last 1 min ago: GET: no answer
    pull cdrs       never complete; the lists of its parties have each other's objects in them
!   pull locations  everything 7 h ago, 8 objects; the partner counts what it does not list: the list ended after 3 of 8 objects, 6 times in a row; it had 40 objects before, and what is missing is not removed yet; everything failed 2 times: GET: HTTP 500
!   pull tariffs    everything 7 h ago, 8 objects; what has vanished is not known: the list had 7 different objects, and its total was 8; 1 not stored, such as T1: no currency
! bolt, invited, their registration failed at step 2: refused
    nothing is pushed or pulled: the partner is not registered
`
	if diff := cmp.Diff(strings.Split(want[1:], "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestStatusWithoutPartners(t *testing.T) {
	var out strings.Builder
	printStatus(&out, nil, statusAt)
	if out.String() != "No partner yet: nothing moves.\n" {
		t.Error(out.String())
	}
}

func TestWhatIsParkedInWords(t *testing.T) {
	held := push.Held{ID: "C2", Party: "NL/TNM", Attempts: 3, Reason: "HTTP 400", Failed: before(time.Hour)}
	for want, h := range map[string]push.Held{
		"cdrs C2 of NL/TNM: parked; 3 attempts, the last at 2026-03-02T11:00:00Z: HTTP 400": held,
		"cdrs C2 of NL/TNM: again at 2026-03-02T12:00:00Z, after asking whether it arrived; 3 attempts, the last at 2026-03-02T11:00:00Z: HTTP 400": func() push.Held {
			h := held
			h.Due, h.Unclear = statusAt, true
			return h
		}(),
	} {
		if got := heldWords("cdrs", h, h.Due.IsZero()); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
