package authorize_test

import (
	"fmt"
	"testing"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const (
	allowed    = v230.AllowedTypeAllowed
	blocked    = v230.AllowedTypeBlocked
	expired    = v230.AllowedTypeExpired
	noCredit   = v230.AllowedTypeNoCredit
	notAllowed = v230.AllowedTypeNotAllowed
)

// verdict is a decision in short; "ask" where the eMSP has to be asked first.
func verdict(d authorize.Decision) string {
	if d.Ask {
		return "ask"
	}
	return fmt.Sprintf("%s by %s", d.Allowed, d.By)
}

// Requirements TOK-12 to TOK-14, DK-07, DK-08: every whitelist, valid or not, with everything that can come of asking.
func TestTheTableOfTheCPO_TOK14(t *testing.T) {
	type row struct {
		whitelist v230.WhitelistType
		prefer    authorize.Preference
		valid     bool
		// before is what is decided before anybody is asked, silent what is when there was no answer.
		before, silent string
	}
	for _, r := range []row{
		{"ALWAYS", authorize.PreferCache, true, "ALLOWED by cache", "ALLOWED by cache"},
		{"ALWAYS", authorize.PreferCache, false, "BLOCKED by cache", "BLOCKED by cache"},
		{"ALWAYS", authorize.PreferRealtime, true, "ALLOWED by cache", "ALLOWED by cache"},
		{"ALWAYS", authorize.PreferRealtime, false, "BLOCKED by cache", "BLOCKED by cache"},
		{"ALLOWED", authorize.PreferCache, true, "ALLOWED by cache", "ALLOWED by cache"},
		{"ALLOWED", authorize.PreferCache, false, "BLOCKED by cache", "BLOCKED by cache"},
		{"ALLOWED", authorize.PreferRealtime, true, "ask", "ALLOWED by fallback"},
		{"ALLOWED", authorize.PreferRealtime, false, "ask", "BLOCKED by fallback"},
		{"ALLOWED_OFFLINE", authorize.PreferCache, true, "ask", "ALLOWED by fallback"},
		{"ALLOWED_OFFLINE", authorize.PreferCache, false, "ask", "BLOCKED by fallback"},
		{"ALLOWED_OFFLINE", authorize.PreferRealtime, true, "ask", "ALLOWED by fallback"},
		{"ALLOWED_OFFLINE", authorize.PreferRealtime, false, "ask", "BLOCKED by fallback"},
		{"NEVER", authorize.PreferCache, true, "ask", "NOT_ALLOWED by fallback"},
		{"NEVER", authorize.PreferCache, false, "ask", "BLOCKED by fallback"},
		{"NEVER", authorize.PreferRealtime, true, "ask", "NOT_ALLOWED by fallback"},
		{"NEVER", authorize.PreferRealtime, false, "ask", "BLOCKED by fallback"},
		{"SOMETIMES", authorize.PreferCache, true, "ask", "NOT_ALLOWED by fallback"},
		{"SOMETIMES", authorize.PreferCache, false, "ask", "BLOCKED by fallback"},
		{"", authorize.PreferRealtime, true, "ask", "NOT_ALLOWED by fallback"},
	} {
		want := map[authorize.Case]string{}
		of := func(outcome authorize.Outcome, answer v230.AllowedType) authorize.Case {
			return authorize.Case{Whitelist: r.whitelist, Valid: r.valid, Prefer: r.prefer, Outcome: outcome, Allowed: answer}
		}
		want[of(authorize.NotAsked, "")] = r.before
		want[of(authorize.NoAnswer, "")] = r.silent
		for _, answer := range []v230.AllowedType{allowed, blocked, expired, noCredit, notAllowed} {
			want[of(authorize.Answered, answer)] = string(answer) + " by realtime"
		}
		want[of(authorize.Answered, "PERHAPS")] = "NOT_ALLOWED by realtime"
		want[of(authorize.UnknownToken, "")] = "NOT_ALLOWED by realtime"
		want[of(authorize.NeedsLocation, "")] = "NOT_ALLOWED by realtime"
		want[of(authorize.UnknownPlace, "")] = "NOT_ALLOWED by realtime"
		for c, verdictOf := range want {
			if r.before != "ask" { // nobody is asked, so nothing that came of it counts
				verdictOf = r.before
			}
			t.Run(fmt.Sprintf("%s %v, prefers %q, %s %s", c.Whitelist, c.Valid, c.Prefer, c.Outcome, c.Allowed), func(t *testing.T) {
				d := authorize.Decide(c)
				if got := verdict(d); got != verdictOf {
					t.Errorf("got %s, want %s", got, verdictOf)
				}
				if !d.Ask && d.Why == "" {
					t.Error("it does not say why")
				}
			})
		}
	}
}

// The last column of the table: how a session says its driver was authorized.
func TestASessionSaysHowItsDriverWasAuthorized(t *testing.T) {
	for _, tt := range []struct {
		decision authorize.Decision
		want     v230.AuthMethod
	}{
		{authorize.Decision{Allowed: allowed, By: authorize.ByCache}, "WHITELIST"},
		{authorize.Decision{Allowed: allowed, By: authorize.ByFallback}, "WHITELIST"},
		{authorize.Decision{Allowed: allowed, By: authorize.ByRealtime}, "AUTH_REQUEST"},
		{authorize.Decision{Allowed: blocked, By: authorize.ByRealtime}, ""},
	} {
		if got := tt.decision.Method(); got != tt.want {
			t.Errorf("%s: %q, want %q", verdict(tt.decision), got, tt.want)
		}
	}
}

// Requirements TOK-09, TOK-11.
func TestTheTableOfTheEMSP(t *testing.T) {
	for _, tt := range []struct {
		valid bool
		spot  authorize.Spot
		want  v230.AllowedType
	}{
		{true, authorize.NoSpot, allowed},
		{true, authorize.UnknownSpot, allowed},
		{true, authorize.OpenSpot, allowed},
		{true, authorize.ClosedSpot, notAllowed},
		{false, authorize.NoSpot, blocked},
		{false, authorize.UnknownSpot, blocked},
		{false, authorize.OpenSpot, blocked},
		{false, authorize.ClosedSpot, blocked},
	} {
		if got := authorize.Answer(tt.valid, tt.spot); got.Allowed != tt.want || got.By != authorize.ByTable || got.Why == "" {
			t.Errorf("valid %v, %s: %+v, want %s", tt.valid, tt.spot, got, tt.want)
		}
	}
}
