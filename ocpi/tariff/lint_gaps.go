package tariff

import (
	"fmt"
	"slices"
	"time"
)

// shortGap is how many minutes without a price are a mistake even of times that may well cost nothing: an end_time of 19:59.
const shortGap = 15

// gaps looks for times of the week at which something has no price.
func (l *linter) gaps(c *Tariff) {
	l.gap(c, Energy, weekMinutes, "charging costs nothing", func(e *element) bool {
		return e.sells(Energy) || e.sells(Time) && (e.isLocal() || !e.components[Time].price.IsZero()) || e.sells(Flat) && e.isLocal()
	})
	for _, d := range []Dimension{Time, Parking} {
		l.gap(c, d, shortGap, "it costs nothing", func(e *element) bool { return e.sells(d) })
	}
}

// sells reports whether the element has a price for a dimension in a session.
func (e *element) sells(d Dimension) bool {
	return e.components[d] != nil && e.reservation == notReserved
}

// gap tells of the first time, at most so long, at which none of the elements applies that fill it, whatever else restricts them.
func (l *linter) gap(c *Tariff, d Dimension, longest int, then string, fills func(*element) bool) {
	var filling []*restrictions
	priced := false
	for i := range c.elements {
		e := &c.elements[i]
		if l.never[i] || !fills(e) {
			continue
		}
		priced = priced || e.sells(d) && !e.components[d].price.IsZero()
		filling = append(filling, &e.restrictions)
	}
	if !priced {
		return
	}
	for _, s := range l.seasons(filling) {
		if when := s.gap(filling, longest); when != "" {
			l.find(TimesGap, "/elements", "%s nothing has a price for %s: %s then; if that is meant, a price of 0 says so", when, d, then)
			return
		}
	}
}

// A season is a time in which all dates of restrictions hold or do not, from a day up to another, as numbers yyyymmdd; 0 for always.
type season struct {
	from, before int
	// all tells that dates do not matter.
	all bool
}

// mostSeasons is how many elements are looked at, once for each season, so that it takes no longer than some milliseconds.
const mostSeasons = 100_000

// seasons are those in which the tariff is valid and that were not over when it was last changed.
func (l *linter) seasons(restrictions []*restrictions) (seasons []season) {
	days := []int{0}
	for _, r := range restrictions {
		days = append(days, r.startDate, r.endDate)
	}
	slices.Sort(days)
	if days = slices.Compact(days); len(days)*len(restrictions) > mostSeasons {
		return []season{{all: true}}
	}
	t := l.tariff
	over := numberOf(t.LastUpdated.Time())
	if t.StartDateTime != nil {
		over = max(over, numberOf(t.StartDateTime.Time().Add(14*time.Hour))) // where the day has begun first
	}
	for i, from := range days {
		s := season{from: from}
		if i+1 < len(days) {
			s.before = days[i+1]
		}
		if s.before != 0 && s.before <= over || t.EndDateTime != nil && from >= numberOf(t.EndDateTime.Time()) {
			continue
		}
		seasons = append(seasons, s)
	}
	return seasons
}

// gap says when nothing applies in the season, for at most so many minutes of the week; empty for never. What is before and after all
// dates is none: the tariff is one for these.
func (s season) gap(filling []*restrictions, longest int) string {
	var w week
	applying := 0
	for _, r := range filling {
		if s.all || r.startDate <= s.from && (r.endDate == 0 || s.before != 0 && r.endDate >= s.before) {
			w.add(r)
			applying++
		}
	}
	dates := (&restrictions{startDate: s.from, endDate: s.before}).dateWords()
	if applying == 0 {
		if s.from == 0 || s.before == 0 || longest < weekMinutes && !s.isDay() {
			return ""
		}
		return dates
	}
	from, minutes := w.hole(longest)
	if minutes == 0 {
		return ""
	}
	when := "from " + minuteText(from) + " to " + minuteText(from+minutes)
	if dates != "" {
		when += ", " + dates + ","
	}
	return when
}

// isDay reports whether the season is a single day: mostly an end_date that was meant to be the last day.
func (s season) isDay() bool {
	from := time.Date(s.from/10000, time.Month(s.from/100%100), s.from%100, 0, 0, 0, 0, time.UTC)
	return numberOf(from.AddDate(0, 0, 1)) == s.before
}

const weekMinutes = 7 * dayMinutes

// A week counts the elements that apply in each minute, beginning on Sunday: what is added in a minute to those of the one before.
type week [weekMinutes + 1]int

// add adds restrictions, as far as they are times of day and days of the week.
func (w *week) add(r *restrictions) {
	clock := r.clock()
	for day := range 7 {
		if allDays(r.days)&(1<<day) == 0 {
			continue
		}
		begin, end := day*dayMinutes+clock.from, day*dayMinutes+clock.from+clock.minutes
		midnight := (day + 1) * dayMinutes
		w.between(begin, min(end, midnight))
		if end > midnight { // the time after midnight belongs to the same day (A15)
			w.between(day*dayMinutes, end-dayMinutes)
		}
	}
}

func (w *week) between(begin, end int) {
	w[begin]++
	w[end]--
}

// hole is the first time in which nothing applies, of at most so many minutes; 0 minutes for none.
func (w *week) hole(longest int) (from, minutes int) {
	applying := make([]bool, weekMinutes)
	n, first := 0, -1
	for i := range applying {
		n += w[i]
		applying[i] = n > 0
		if applying[i] && first < 0 {
			first = i
		}
	}
	if first < 0 {
		return 0, 0
	}
	for i := first; i < first+weekMinutes; i++ {
		if applying[i%weekMinutes] {
			if minutes > 0 && minutes <= longest {
				return from, minutes
			}
			minutes = 0
			continue
		}
		if minutes == 0 {
			from = i
		}
		minutes++
	}
	if minutes <= longest {
		return from, minutes
	}
	return 0, 0
}

// minuteText is a minute of the week, which begins on Sunday.
func minuteText(minute int) string {
	return fmt.Sprintf("%s %s", time.Weekday(minute/dayMinutes%7), clockText(minute%dayMinutes))
}
