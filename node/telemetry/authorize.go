package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/roamwire/roamwire/ocpi"
)

// Authorizations shows how often drivers were asked about and what was answered. It returns what counts one answer: in which
// direction the question went, which partner it was with, what was answered, by what, and why it was by no more.
func (m *Metrics) Authorizations() func(direction ocpi.Direction, partner, allowed, by, trouble string, took time.Duration) {
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "roamwire_authorizations_total",
		Help: "Questions whether a driver may charge, by direction, partner, answer, what it was decided by, and what went wrong on the way.",
	}, []string{"direction", "partner", "allowed", "by", "trouble"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "roamwire_authorization_seconds",
		Help:    "Time to decide whether a driver may charge, in seconds.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2, 3, 5, 10},
	}, []string{"direction", "by"})
	m.registry.MustRegister(answers, seconds)
	return func(direction ocpi.Direction, partner, allowed, by, trouble string, took time.Duration) {
		answers.WithLabelValues(string(direction), partner, allowed, by, trouble).Inc()
		seconds.WithLabelValues(string(direction), by).Observe(took.Seconds())
	}
}
