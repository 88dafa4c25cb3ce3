package pull

import (
	"math/rand/v2"
	"time"
)

// due reports whether a module is to be pulled now: its time has come, or its partner is to be caught up with.
func (s *State) due(now time.Time, w wake) bool {
	if now.Before(s.NotBefore) {
		return false
	}
	if !now.Before(s.Due) {
		return true
	}
	last := s.LastDelta
	if s.LastFull.After(last) {
		last = s.LastFull
	}
	return last.Before(w.since)
}

// plan says when the next pulls are made after one that was complete. A partner that ignores date_from sends everything
// whatever it is asked, so it is only asked for that; what shows that it has learned is a pull by command, or to catch up.
func (s *State) plan(policy Policy, full bool, now time.Time) {
	if full {
		s.FullDue = nextFull(policy, now)
	}
	s.Due = now.Add(spread(policy.Every))
	if s.IgnoresDateFrom || s.FullDue.Before(s.Due) {
		s.Due = s.FullDue
	}
}

// nextFull is when everything is pulled again. By default that is at some time of the small hours.
func nextFull(policy Policy, now time.Time) time.Time {
	if policy.FullEvery > 0 {
		return now.Add(spread(policy.FullEvery))
	}
	earliest := now.Add(shortestDay)
	begins, ends := night(now)
	for day := 1; !earliest.Before(ends); day++ {
		begins, ends = night(now.AddDate(0, 0, day))
	}
	if earliest.After(begins) {
		begins = earliest
	}
	return begins.Add(rand.N(ends.Sub(begins)))
}

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
