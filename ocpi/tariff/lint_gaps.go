package tariff

import (
	"fmt"
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
	var w week
	priced := false
	for i := range c.elements {
		e := &c.elements[i]
		if l.never[i] || !fills(e) {
			continue
		}
		priced = priced || e.sells(d) && !e.components[d].price.IsZero()
		w.add(&e.restrictions)
	}
	if !priced {
		return
	}
	if from, minutes := w.hole(longest); minutes > 0 {
		l.find(TimesGap, "/elements", "from %s to %s nothing has a price for %s: %s then; if that is meant, a price of 0 says so",
			minuteText(from), minuteText(from+minutes), d, then)
	}
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
