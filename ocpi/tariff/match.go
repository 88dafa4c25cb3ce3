package tariff

import (
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// A moment is the state of a charge in which restrictions are judged.
type moment struct {
	at time.Time
	// began is when the session did, or the reservation.
	began time.Time
	// energy is what was charged before, in kWh.
	energy exact.Decimal
	period *Period
	// reserved tells that it is one of a reservation, expired that nobody used it.
	reserved, expired bool

	// day, date and minute are those at the location, where the tariff needs them.
	day, dayBefore   time.Weekday
	date, dateBefore int
	minute           int
}

// locate sets what depends on the time zone.
func (m *moment) locate(p *Policy) {
	local := m.at.In(p.zone())
	m.day, m.date, m.minute = local.Weekday(), numberOf(local), local.Hour()*60+local.Minute()
	if p.WrappedDay != WrappedDayOfStart {
		return
	}
	before := local.AddDate(0, 0, -1)
	m.dayBefore, m.dateBefore = before.Weekday(), numberOf(before)
}

// A mismatch is the restriction that keeps an element from applying; empty where it applies.
type mismatch string

// The restrictions by their names in OCPI.
const (
	matches       mismatch = ""
	byReservation mismatch = "reservation"
	byTimes       mismatch = "start_time, end_time"
	byDates       mismatch = "start_date, end_date"
	byDay         mismatch = "day_of_week"
	byMinKWh      mismatch = "min_kwh"
	byMaxKWh      mismatch = "max_kwh"
	byMinCurrent  mismatch = "min_current"
	byMaxCurrent  mismatch = "max_current"
	byMinPower    mismatch = "min_power"
	byMaxPower    mismatch = "max_power"
	byMinDuration mismatch = "min_duration"
	byMaxDuration mismatch = "max_duration"
)

// judge finds the restriction that does not hold (PR-03, PR-07: all must, from the lower bound up to but without the upper one).
func (r *restrictions) judge(m *moment, p *Policy) mismatch {
	switch {
	case (r.reservation != notReserved) != m.reserved, r.reservation == expiredOnly && !m.expired: // PR-27, PR-29
		return byReservation
	case r.minKWh != nil && m.energy.Cmp(*r.minKWh) < 0:
		return byMinKWh
	case r.maxKWh != nil && m.energy.Cmp(*r.maxKWh) >= 0:
		return byMaxKWh
	}
	if r.minDuration != nil || r.maxDuration != nil {
		lasted := m.lasted(p)
		if r.minDuration != nil && lasted < *r.minDuration {
			return byMinDuration
		}
		if r.maxDuration != nil && lasted >= *r.maxDuration {
			return byMaxDuration
		}
	}
	if r.isLocal() {
		if no := r.judgeClock(m, p); no != matches {
			return no
		}
	}
	if !below(r.minCurrent, m.period.MinCurrent, m.period.MaxCurrent, p) {
		return byMinCurrent
	}
	if !above(r.maxCurrent, m.period.MinCurrent, m.period.MaxCurrent, p) {
		return byMaxCurrent
	}
	if !below(r.minPower, m.period.MinPower, m.period.MaxPower, p) {
		return byMinPower
	}
	if !above(r.maxPower, m.period.MinPower, m.period.MaxPower, p) {
		return byMaxPower
	}
	return matches
}

// lasted is how many whole seconds the session has lasted (A12).
func (m *moment) lasted(p *Policy) int64 {
	passed := wholeSeconds(m.began, m.at)
	if p.Durations == DurationsClock {
		_, began := m.began.In(p.zone()).Zone()
		_, now := m.at.In(p.zone()).Zone()
		passed += int64(now - began)
	}
	return passed
}

// below reports whether a lower bound holds for a quantity that was between two values (A10, A11).
func below(bound, low, high *exact.Decimal, p *Policy) bool {
	if bound == nil {
		return true
	}
	measured := low
	if p.Measured == MeasuredHigh || low == nil {
		measured = high
	}
	if measured == nil {
		measured = low
	}
	if measured == nil {
		return p.Unmeasured == UnmeasuredMatches
	}
	return measured.Cmp(*bound) >= 0
}

// above reports whether an upper bound holds.
func above(bound, low, high *exact.Decimal, p *Policy) bool {
	if bound == nil {
		return true
	}
	measured := high
	if p.Measured == MeasuredLow || high == nil {
		measured = low
	}
	if measured == nil {
		measured = high
	}
	if measured == nil {
		return p.Unmeasured == UnmeasuredMatches
	}
	return measured.Cmp(*bound) < 0
}

// judgeClock judges times of day, days and dates, which are those of the location.
func (r *restrictions) judgeClock(m *moment, p *Policy) mismatch {
	wrapped := false // a time after midnight that belongs to what began the day before
	if r.hasTimes {
		var in bool
		if in, wrapped = r.inTimes(m.minute, p); !in {
			return byTimes
		}
	}
	day, date := m.day, m.date
	if wrapped && p.WrappedDay == WrappedDayOfStart {
		day, date = m.dayBefore, m.dateBefore
	}
	if r.days != 0 && r.days&(1<<day) == 0 {
		return byDay
	}
	if date < r.startDate || r.endDate != 0 && date >= r.endDate {
		return byDates
	}
	return matches
}

// inTimes reports whether a minute of the day is between start and end, and whether it is after a midnight in between (A13, A14).
func (r *restrictions) inTimes(minute int, p *Policy) (in, wrapped bool) {
	start, end := r.start, r.end
	switch {
	case start == 0 && end == 0:
		return p.Midnights == SameTimesAllDay, false
	case start == end:
		return p.SameTimes == SameTimesAllDay, false
	case end == 0: // the end of the day
		end = dayMinutes
	}
	if start < end {
		return minute >= start && minute < end, false
	}
	return minute >= start || minute < end, minute < end
}
