package pull

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// due reports whether a module is to be pulled now: its time has come, or its partner is to be caught up with.
func (s *State) due(partner Partner, now time.Time, w wake) bool {
	if !now.Before(s.Due) || s.overdue(partner.Policy.withDefaults(), now) || s.outgrownNow(partner, now) {
		return true
	}
	last := s.LastDelta
	if s.LastFull.After(last) {
		last = s.LastFull
	}
	return last.Before(w.since)
}

// overdue reports whether the next pull was planned under a policy with longer times than the present one.
func (s *State) overdue(policy Policy, now time.Time) bool {
	if s.Failures > 0 || now.Before(s.NotBefore) || s.LastFull.IsZero() || s.IgnoresDateFrom {
		return false
	}
	last := s.LastDelta
	if s.LastFull.After(last) {
		last = s.LastFull
	}
	return policy.Every > 0 && now.Sub(last) > policy.Every*6/5
}

// outgrown reports whether the partner has moved to a later version since everything was pulled, or has another party: what the
// version before could not say is not new by its time, and is in no list of what is new, and nor is what the party had before.
func (s *State) outgrown(partner Partner) bool {
	if s.LastFull.IsZero() || s.FullFailures > 0 {
		return false
	}
	before := cmp.Or(s.Version, ocpi.V211) // the one there was when none was kept
	return partner.Version != "" && before.Compare(partner.Version) < 0 || s.lacksAList(partner.lists(s.Module))
}

// lacksAList reports whether one of several parties is not known yet to have a list.
func (s *State) lacksAList(parties []ocpi.Party) bool {
	return len(parties) > 1 && slices.ContainsFunc(parties, func(p ocpi.Party) bool { return s.listOf(p) < 0 })
}

// outgrownNow reports whether that is a reason to pull now. After a failure it is not, which has a time of its own.
func (s *State) outgrownNow(partner Partner, now time.Time) bool {
	return s.outgrown(partner) && s.Failures == 0 && !now.Before(s.NotBefore)
}

// fullDue reports whether everything is to be pulled when something is.
func (s *State) fullDue(partner Partner, now time.Time) bool {
	policy := partner.Policy.withDefaults()
	planned := s.LastFull.IsZero() || !now.Before(s.FullDue)
	sooner := policy.FullEvery > 0 && !s.seldom() && s.FullFailures == 0 && now.Sub(s.LastFull) > policy.FullEvery*6/5
	return planned || sooner || s.outgrown(partner)
}

// lookBack is how far the nightly pulls of sessions and CDRs go back.
const lookBack = 5 * 7 * 24 * time.Hour

// looksBack reports whether a pull of what is new goes back for weeks: what was lost on the way costs money, and a history that
// only grows is not asked for every night.
func (s *State) looksBack(now time.Time) bool {
	return s.seldom() && !now.Before(s.LookBackDue)
}

// plan says when the next pulls are made after one that was complete.
func (s *State) plan(policy Policy, full, back bool, now time.Time) {
	next := nextFull(policy, s.seldom(), now)
	if full || s.IgnoresDateFrom && next.Before(s.FullDue) {
		s.FullDue = next
	}
	if full || back {
		s.LookBackDue = nextFull(policy, false, now)
	}
	s.DeltaDue = now.Add(spread(policy.Every))
	s.schedule()
}

// planAgain says when the next pulls are made after one that has failed, which waits for so long at least. The pulls of what
// is new do not wait for those of everything.
func (s *State) planAgain(policy Policy, full, back bool, wait time.Duration, now time.Time) {
	longest := min(time.Hour, policy.Every)
	if back {
		s.LookBackDue = now.Add(spread(longestFullPause))
	}
	if !full {
		s.DeltaDue = now.Add(spread(max(wait, pauseAfter(s.Failures, longest))))
		s.schedule()
		return
	}
	if !s.LastFull.IsZero() {
		longest = longestFullPause
	}
	s.FullDue = now.Add(spread(max(wait, pauseAfter(s.FullFailures, longest))))
	if soon := now.Add(spread(max(wait, firstPause))); s.DeltaDue.Before(soon) {
		s.DeltaDue = soon
	}
	s.schedule()
}

// The first pause after a failure, and the longest before everything is pulled from a partner again that has been before.
const (
	firstPause       = time.Minute
	longestFullPause = 6 * time.Hour
)

// pauseAfter doubles with each failure in a row.
func pauseAfter(failures int, longest time.Duration) time.Duration {
	return min(firstPause<<min(failures-1, 10), longest)
}

// schedule works out when the next pull begins. Before everything was there once there is nothing new to be asked for. A
// partner that ignores date_from sends everything whatever it is asked, so it is only asked for that; what shows that it has
// learned is a pull by command, or to catch up.
func (s *State) schedule() {
	s.Due = s.DeltaDue
	if s.seldom() && !s.LookBackDue.IsZero() && s.LookBackDue.Before(s.Due) {
		s.Due = s.LookBackDue
	}
	if s.LastFull.IsZero() || s.IgnoresDateFrom || s.FullDue.Before(s.Due) {
		s.Due = s.FullDue
	}
	if s.Due.Before(s.NotBefore) {
		s.Due = s.NotBefore
	}
}

// seldom reports whether everything is pulled seldom. Of sessions and CDRs nothing vanishes, there are more of them every
// day, and those of the last weeks are asked for every night, unless the partner cannot be asked for that.
func (s *State) seldom() bool {
	return (s.Module == ocpi.ModuleSessions || s.Module == ocpi.ModuleCDRs) && !s.IgnoresDateFrom
}

// nextFull is when everything is pulled again. By default that is at some time of the small hours.
func nextFull(policy Policy, seldom bool, now time.Time) time.Time {
	earliest := now.Add(shortestDay)
	if seldom {
		earliest = now.Add(seldomEvery - 24*time.Hour)
		policy.FullEvery = longer(policy.FullEvery, seldomEvery)
	}
	if policy.FullEvery > 0 {
		return now.Add(spread(policy.FullEvery))
	}
	begins, ends := night(earliest)
	if !earliest.Before(ends) {
		begins, ends = night(earliest.AddDate(0, 0, 1))
	}
	if earliest.After(begins) {
		begins = earliest
	}
	return begins.Add(rand.N(ends.Sub(begins)))
}

// longer is the longer of two times between pulls, if the first is given.
func longer(given, least time.Duration) time.Duration {
	if given == 0 {
		return 0
	}
	return max(given, least)
}

// seldomEvery is the time between pulls of everything of what nothing vanishes of.
const seldomEvery = 28 * 24 * time.Hour

// The nightly pulls begin at some time of these hours. One that was made less than shortestDay before stands for the
// night's.
const (
	nightBegins = 1 // o'clock, where we are
	nightEnds   = 5
	shortestDay = 6 * time.Hour
)

// night is the small hours of a day.
func night(day time.Time) (begins, ends time.Time) {
	year, month, date := day.Date()
	return time.Date(year, month, date, nightBegins, 0, 0, 0, day.Location()), time.Date(year, month, date, nightEnds, 0, 0, 0, day.Location())
}

// spread is a time within a fifth of the one given, so that partners are not all asked at once (requirement TF-12).
func spread(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }
